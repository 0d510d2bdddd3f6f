"""The transformer has the official keys and sizes, trains whole, and keeps the items of a batch apart."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from flux2engine import latents
from flux2engine import transformer as transformer_module
from flux2engine.transformer import Flux2Transformer, peak_bytes
from flux2engine.variants import VARIANTS, TransformerConfig
from tests.engine.parity.peer import relative_error, transformer, transformer_inputs

OFFICIAL_KEYS = [
    "img_in.weight",
    "txt_in.weight",
    "time_in.in_layer.weight",
    "time_in.out_layer.weight",
    "guidance_in.in_layer.weight",
    "guidance_in.out_layer.weight",
    "double_stream_modulation_img.lin.weight",
    "double_stream_modulation_txt.lin.weight",
    "single_stream_modulation.lin.weight",
    "double_blocks.0.img_attn.qkv.weight",
    "double_blocks.0.img_attn.proj.weight",
    "double_blocks.0.img_attn.norm.query_norm.scale",
    "double_blocks.0.img_attn.norm.key_norm.scale",
    "double_blocks.0.img_mlp.0.weight",
    "double_blocks.0.img_mlp.2.weight",
    "double_blocks.0.txt_attn.qkv.weight",
    "double_blocks.0.txt_attn.proj.weight",
    "double_blocks.0.txt_attn.norm.query_norm.scale",
    "double_blocks.0.txt_attn.norm.key_norm.scale",
    "double_blocks.0.txt_mlp.0.weight",
    "double_blocks.0.txt_mlp.2.weight",
    "single_blocks.0.linear1.weight",
    "single_blocks.0.linear2.weight",
    "single_blocks.0.norm.query_norm.scale",
    "single_blocks.0.norm.key_norm.scale",
    "final_layer.linear.weight",
    "final_layer.adaLN_modulation.1.weight",
]


def count(name: str) -> int:
    """Return a variant's parameters, without allocating them."""
    with torch.device("meta"):
        model = Flux2Transformer(VARIANTS[name].transformer)
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("dev", 32_223_281_152),
        ("klein-9b", 9_078_581_248),
        ("klein-base-9b", 9_078_581_248),
        ("klein-4b", 3_875_544_576),
        ("klein-base-4b", 3_875_544_576),
        ("nano", 4_670_464),
    ],
)
def test_sizes(name: str, parameters: int) -> None:
    """Every variant has the published number of parameters."""
    assert count(name) == parameters


def test_keys() -> None:
    """One block of each kind has exactly the official keys."""
    config = TransformerConfig(
        hidden_size=32,
        heads=1,
        head_dim=32,
        axes_dim=(8, 8, 8, 8),
        double_blocks=1,
        single_blocks=1,
        context_dim=8,
        guidance_embedding=True,
    )
    assert sorted(Flux2Transformer(config).state_dict()) == sorted(OFFICIAL_KEYS)


def test_impossible_shapes_are_refused() -> None:
    """Heads must fill the hidden size and axes the head."""
    good = {"hidden_size": 64, "heads": 2, "head_dim": 32, "axes_dim": (8, 8, 8, 8)}
    rest = {"double_blocks": 1, "single_blocks": 1, "context_dim": 8, "guidance_embedding": False}
    TransformerConfig(**good, **rest)
    for wrong in ({"heads": 3}, {"axes_dim": (8, 8, 8)}, {"axes_dim": (9, 7, 8, 8)}):
        with pytest.raises(ValueError, match=r"hidden_size|axes_dim"):
            TransformerConfig(**(good | wrong), **rest)


def test_gradients_reach_every_parameter() -> None:
    """Training needs a gradient everywhere; the last single block's are not zero either."""
    model = Flux2Transformer(transformer(True).config)
    model.load_state_dict(transformer(True).state_dict())
    transformer_inputs(True, references=1).ours(model).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


def test_guidance_must_fit() -> None:
    """Guidance is demanded where it is embedded and refused where it is not."""
    with pytest.raises(ValueError, match="none was given"):
        transformer_inputs(guidance=False).ours(transformer(True))
    with pytest.raises(ValueError, match="some was given"):
        transformer_inputs(guidance=True).ours(transformer(False))


def test_references_need_positions() -> None:
    """Reference tokens without ids are refused."""
    inputs = transformer_inputs(references=1).__dict__ | {"reference_ids": None}
    with pytest.raises(ValueError, match="reference_ids"):
        transformer(False)(**inputs)


@pytest.mark.parametrize("tokens_a_slice", [1, 7, 37])
def test_slices_change_nothing(tokens_a_slice: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide states in slices give the same velocity and the same kept references, to 1e-6 of the largest value."""
    model = transformer(True)
    inputs = transformer_inputs(True, references=3, batch=2)
    kept_inputs = transformer_inputs(False, references=3, batch=2)
    whole = inputs.ours(model)
    kept = transformer(False).reference_key_values(kept_inputs.reference_tokens, kept_inputs.reference_ids)
    slices = []
    original = functional.layer_norm
    monkeypatch.setattr(
        functional,
        "layer_norm",
        lambda states, *rest, **more: (slices.append(states.shape[1]), original(states, *rest, **more))[1],
    )
    monkeypatch.setattr(transformer_module, "SLICE_BYTES", tokens_a_slice * 2 * 9 * 96 * 4)
    with torch.no_grad():
        sliced = inputs.ours(model)
        kept_sliced = transformer(False).reference_key_values(kept_inputs.reference_tokens, kept_inputs.reference_ids)
    assert relative_error(sliced, whole) <= 1e-6
    for ours, theirs in zip([*kept_sliced.double, *kept_sliced.single], [*kept.double, *kept.single], strict=True):
        assert max(map(relative_error, ours, theirs)) <= 1e-6
    # The control: slices were taken. They differ, since blocks are 9, 6 or 4 hidden sizes wide.
    assert tokens_a_slice in slices
    whole_length = inputs.txt.shape[1] + inputs.img.shape[1] + inputs.reference_tokens.shape[1]
    assert whole_length not in slices


def test_training_is_not_sliced(monkeypatch: pytest.MonkeyPatch) -> None:
    """With autograd on, every block sees all tokens at once, and gradients are those of the whole."""
    monkeypatch.setattr(transformer_module, "SLICE_BYTES", 1)
    model = Flux2Transformer(transformer(False).config)
    model.load_state_dict(transformer(False).state_dict())
    inputs = transformer_inputs(references=1)
    inputs.ours(model).square().mean().backward()
    gradient = model.img_in.weight.grad.clone()
    monkeypatch.undo()
    model.zero_grad()
    inputs.ours(model).square().mean().backward()
    assert torch.equal(model.img_in.weight.grad, gradient)


@pytest.mark.parametrize(("name", "kibibytes"), [("klein-4b", 54), ("klein-9b", 72), ("dev", 108)])
def test_peak_bytes_at_true_size(name: str, kibibytes: int) -> None:
    """A token takes nine hidden sizes in bf16 and its rotation; kept references add their copy."""
    config = VARIANTS[name].transformer
    a_token = peak_bytes(config, 2) - peak_bytes(config, 1)
    assert kibibytes * 1024 < a_token < (kibibytes + 2) * 1024
    kept = peak_bytes(config, 1, kept_tokens=101) - peak_bytes(config, 1, kept_tokens=1)
    assert kept == 100 * 2 * config.hidden_size * 2


def test_items_of_a_batch_keep_their_own_references() -> None:
    """A masked, padded batch of one, no and three references gives what each item gives alone."""
    model = transformer(False)
    generator = torch.Generator().manual_seed(8)
    sizes = [[(3, 4)], [], [(2, 2), (3, 3), (1, 5)]]
    longest = 18
    img, txt = torch.randn(3, 24, 128, generator=generator), torch.randn(3, 12, 48, generator=generator)
    tokens = torch.randn(3, longest, 128, generator=generator)
    ids = torch.full((3, longest, 4), 77)  # what padding holds must not matter
    mask = torch.zeros(3, longest, dtype=torch.bool)
    for item, grids in enumerate(sizes):
        own = latents.reference_ids(grids)
        ids[item, : len(own)] = own
        mask[item, : len(own)] = True
    grid = {"img_ids": latents.image_ids(4, 6).expand(3, -1, -1), "txt_ids": latents.text_ids(12).expand(3, -1, -1)}
    times = torch.tensor([0.9, 0.5, 0.2])
    together = model(
        img=img, txt=txt, timestep=times, reference_tokens=tokens, reference_ids=ids, reference_mask=mask, **grid
    )
    unmasked = model(img=img, txt=txt, timestep=times, reference_tokens=tokens, reference_ids=ids, **grid)
    for item, grids in enumerate(sizes):
        one = slice(item, item + 1)
        length = sum(height * width for height, width in grids)
        alone = model(
            img=img[one],
            txt=txt[one],
            timestep=times[one],
            reference_tokens=tokens[one, :length] if length else None,
            reference_ids=ids[one, :length] if length else None,
            **{name: value[one] for name, value in grid.items()},
        )
        torch.testing.assert_close(together[one], alone, rtol=1e-5, atol=1e-5)
        if length < longest:
            assert (unmasked[one] - alone).abs().max() > 1e-3  # the control: without the mask padding is seen
