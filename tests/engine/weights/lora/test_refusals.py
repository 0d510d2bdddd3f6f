"""What a LoRA file must not be: every fault is refused by name, with what to do; nothing is dropped silently."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.weights.lora import apply_loras, read_lora, reading
from flux2engine.weights.safetensors_file import write_tensors
from tests.engine.weights.lora import lora_files
from tests.engine.weights.lora.lora_files import FORMATS, Tensors, adaptation, reference, transformer, worst_error

QKV = "lora_unet_double_blocks_1_img_attn_qkv"
Broken = Callable[[Tensors], None]


def renamed(old: str, new: str) -> Broken:
    """Rename every key of a layer."""

    def change(tensors: Tensors) -> None:
        for name in [name for name in tensors if name.startswith(f"{old}.")]:
            tensors[new + name.removeprefix(old)] = tensors.pop(name)

    return change


def with_keys(*names: str) -> Broken:
    """Add tensors of a row of ones."""
    return lambda tensors: tensors.update({name: torch.ones(1, 4) for name in names})


def replaced(name: str, tensor: torch.Tensor) -> Broken:
    """Put another tensor under a name."""
    return lambda tensors: tensors.update({name: tensor})


def without(*names: str) -> Broken:
    """Leave tensors out."""

    def change(tensors: Tensors) -> None:
        for name in names:
            del tensors[name]

    return change


def written(path: Path, broken: Broken, form: str = "kohya") -> Path:
    """Write the adaptation with one fault."""
    tensors, metadata = FORMATS[form](adaptation())
    broken(tensors)
    write_tensors(path / "lora.safetensors", tensors, metadata)
    return path / "lora.safetensors"


@pytest.mark.parametrize(
    ("form", "old", "new", "suggestion"),
    [
        ("kohya", QKV, "lora_unet_double_blocks_1_img_atn_qkv", f"did you mean {QKV}?"),
        (
            "diffusers",
            "transformer.transformer_blocks.0.attn.to_add_out",
            "transformer.transformer_blocks.0.attn.to_ad_out",
            "did you mean transformer.transformer_blocks.0.attn.to_add_out?",
        ),
        (
            "ai-toolkit",
            "diffusion_model.guidance_in.in_layer",
            "diffusion_model.guidance.in_layer",
            "did you mean diffusion_model.guidance_in.in_layer?",
        ),
    ],
)
def test_renamed_keys(form: str, old: str, new: str, suggestion: str, tmp_path: Path) -> None:
    """A layer that no transformer has is listed with what is near it and refused; allowed, the others are applied."""
    lora = read_lora(written(tmp_path, renamed(old, new), form))
    assert lora.unmatched
    assert all(name.startswith(f"{new}.") for name in lora.unmatched)
    with pytest.raises(WeightsError) as caught:
        apply_loras(transformer(), [(lora, 1.0)])
    assert suggestion in str(caught.value)
    assert caught.value.unexpected == tuple(sorted(lora.unmatched))
    model = transformer()
    assert apply_loras(model, [(lora, 1.0)], allow_unmatched=True).left_out == lora.unmatched
    assert worst_error(model, reference()) > 0.1


FAULTS: dict[str, tuple[Broken, str]] = {
    "another rank": (replaced(f"{QKV}.lora_down.weight", torch.ones(5, 64)), "have different ranks"),
    "no up": (without(f"{QKV}.lora_up.weight"), "missing \\(1\\): .*_1_img_attn_qkv, up"),
    "alpha alone": (
        without(f"{QKV}.lora_up.weight", f"{QKV}.lora_down.weight"),
        "the factors of lora_unet_double_blocks_1_img_attn_qkv",
    ),
    "alpha of zero": (replaced(f"{QKV}.alpha", torch.tensor(0.0)), "is 0 instead of the rank"),
    "alpha of many": (replaced(f"{QKV}.alpha", torch.ones(4)), r"alpha \(4,\) instead of one number"),
    "a convolution": (replaced(f"{QKV}.lora_down.weight", torch.ones(4, 64, 1, 1)), "instead of a matrix of floats"),
    "whole numbers": (
        replaced(f"{QKV}.lora_down.weight", torch.ones(4, 64, dtype=torch.int8)),
        "instead of a matrix of floats",
    ),
    "two algebras": (replaced(f"{QKV}.lokr_w1", torch.ones(2, 2)), "lokr_w1 beside down, up"),
    "a magnitude of another size": (replaced(f"{QKV}.dora_scale", torch.ones(7, 1)), r"\(7, 1\) instead of \(192, 1\)"),
    "not finite": (replaced(f"{QKV}.lora_down.weight", torch.full((4, 64), torch.nan)), "not finite"),
    "two names": (
        replaced("diffusion_model.double_blocks.1.img_attn.qkv.lora_down.weight", torch.ones(4, 64)),
        "says the same twice",
    ),
    "two adapters": (
        lambda tensors: tensors.update({f"txt_in.lora_A.{name}.weight": torch.ones(4, 48) for name in ("a", "b")}),
        "two adapters",
    ),
    "a part beside the whole": (
        replaced("lora_unet_transformer_blocks_1_attn_to_q.lora_down.weight", torch.ones(4, 64)),
        "adapts the same layers under two names",
    ),
    "both orders of the final layer": (
        replaced("lora_unet_norm_out_linear.lora_down.weight", torch.ones(4, 64)),
        "adapts the same layers under two names",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_factors(fault: str, tmp_path: Path) -> None:
    """Factors that make no change of a weight are refused while reading, by the tensor's name."""
    broken, message = FAULTS[fault]
    with pytest.raises(WeightsError, match=message) as caught:
        read_lora(written(tmp_path, broken))
    assert "lora.safetensors" in str(caught.value)


def test_all_faults_at_once(tmp_path: Path) -> None:
    """One error names every faulty layer."""
    tensors, _ = FORMATS["kohya"](adaptation())
    path = written(tmp_path, without(*(name for name in tensors if "lora_up" in name)))
    with pytest.raises(WeightsError) as caught:
        read_lora(path)
    assert len(caught.value.missing) == len(adaptation())


def test_ranks_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank beyond the bound is refused; the largest within it is read."""
    path = lora_files.write(tmp_path / "lora.safetensors", "kohya")
    monkeypatch.setattr(reading, "MAX_RANK", 6)
    read_lora(path)
    monkeypatch.setattr(reading, "MAX_RANK", 5)
    with pytest.raises(WeightsError, match="has the rank 6, more than 5") as caught:
        read_lora(path)
    assert len(caught.value.mismatched) == 3


INCOMPLETE = {
    "LoKr": ("lycoris_x_embedder.lokr_w2_b", "lycoris_x_embedder, lokr_w2_b"),
    "LoHa": ("lora_unet_txt_in.hada_w2_a", "lora_unet_txt_in, hada_w2_a"),
}


@pytest.mark.parametrize("form", INCOMPLETE)
def test_incomplete_algebras(form: str, tmp_path: Path) -> None:
    """A factor of LoKr or LoHa that is not there is named; LoKr's factor is whole or a product, not both."""
    left_out, named = INCOMPLETE[form]
    with pytest.raises(WeightsError) as caught:
        read_lora(written(tmp_path, without(left_out), form))
    assert caught.value.missing == (named,)
    if form == "LoKr":
        both = replaced("lycoris_x_embedder.lokr_w2", torch.ones(64, 128))
        with pytest.raises(WeightsError, match="lokr_w2 beside lokr_w1, lokr_w2_a, lokr_w2_b"):
            read_lora(written(tmp_path, both, form))


ALGEBRAS = {
    "double_blocks.0.img_attn.qkv.oft_blocks": "OFT or BOFT",
    "lora_unet_single_blocks_0_linear1.oft_diag": "OFT or BOFT",
    "base_model.model.transformer_blocks.0.attn.to_q.boft_R": "BOFT",
    "base_model.model.transformer_blocks.0.attn.to_q.ia3_l": "IA3",
    "lycoris_transformer_blocks_0_attn_to_q.on_input": "IA3",
    "lora_unet_double_blocks_0_img_attn_qkv.a1.weight": "GLoRA",
    "diffusion_model.img_in.diff": "full differences",
    "diffusion_model.img_in.diff_b": "full differences",
    "diffusion_model.double_blocks.0.img_attn.norm.query_norm.w_norm": "trained norms",
    f"{QKV}.lora_mid.weight": "Tucker",
    "transformer.x_embedder.lora_B.bias": "biases",
}


@pytest.mark.parametrize("key", ALGEBRAS)
def test_other_algebras(key: str, tmp_path: Path) -> None:
    """Algebras that are not read are refused by name, beside a whole good LoRA too, with what to do instead."""
    with pytest.raises(UnknownLayoutError, match=ALGEBRAS[key]) as caught:
        read_lora(written(tmp_path, with_keys(key)))
    assert key in str(caught.value)
    assert "train it as LoRA" in str(caught.value)


TEXT_ENCODERS = (
    "lora_te_layers_0_self_attn_q_proj.lora_down.weight",
    "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight",
    "text_encoder.model.layers.3.mlp.up_proj.lora_A.weight",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
)


@pytest.mark.parametrize("key", TEXT_ENCODERS)
def test_text_encoders(key: str, tmp_path: Path) -> None:
    """A text encoder's part is refused with the remedy, and left out where allowed; alone it is no LoRA here."""
    lora = read_lora(written(tmp_path, with_keys(key)))
    assert lora.text_encoder == (key,)
    assert lora.unmatched == ()
    with pytest.raises(WeightsError, match="allow unmatched keys to apply the transformer's part alone"):
        apply_loras(transformer(), [(lora, 1.0)])
    model = transformer()
    assert apply_loras(model, [(lora, 1.0)], allow_unmatched=True).left_out == (key,)
    assert worst_error(model, reference()) < 1e-6
    write_tensors(tmp_path / "alone.safetensors", {key: torch.ones(1, 4)})
    with pytest.raises(UnknownLayoutError, match="adapts a text encoder and nothing else"):
        read_lora(tmp_path / "alone.safetensors")


STRANGERS = {
    "lora_unet_double_blocks_0_img_mod_lin.lora_down.weight": "looks like a LoRA of FLUX.1",
    "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": "looks like a LoRA of Stable Diffusion",
    "img_in.weight": "is no LoRA",
    "diffusion_model.layers.0.attention.qkv.lora_A.weight": "adapts no layer of FLUX.2's transformer",
}


@pytest.mark.parametrize("key", STRANGERS)
def test_other_files(key: str, tmp_path: Path) -> None:
    """LoRAs of other models, and files that are none, are refused by what they look like."""
    write_tensors(tmp_path / "other.safetensors", {key: torch.ones(1, 4)})
    with pytest.raises(UnknownLayoutError, match=STRANGERS[key]) as caught:
        read_lora(tmp_path / "other.safetensors")
    assert caught.value.unexpected == (key,)


def configured(path: Path, **changes: object) -> Path:
    """Write diffusers' format with another configuration in its metadata."""
    tensors, metadata = FORMATS["diffusers"](adaptation())
    config = json.loads(metadata["lora_adapter_metadata"])
    config |= {f"transformer.{name}": value for name, value in changes.items()}
    text = json.dumps(config)
    write_tensors(path / "lora.safetensors", tensors, {"lora_adapter_metadata": text})
    return path / "lora.safetensors"


CONFIGURATIONS: dict[str, tuple[dict[str, object], str]] = {
    "another rank": ({"rank_pattern": {}}, "has the rank 6, and the file's configuration says 4"),
    "an expression": ({"alpha_pattern": {"(a+)+b": 3}}, "holds the expression"),
    "a word for a number": ({"lora_alpha": "all"}, "not a positive number"),
    "a rank of zero": ({"r": 0}, "not a positive number"),
    "a truth for a number": ({"lora_alpha": True}, "not a positive number"),
    "a list for a table": ({"alpha_pattern": [1]}, "not a table"),
    "infinite": ({"lora_alpha": float("inf")}, "not a positive number"),
}


@pytest.mark.parametrize("fault", CONFIGURATIONS)
def test_configurations(fault: str, tmp_path: Path) -> None:
    """A configuration in the metadata that contradicts the file, or is none, is refused."""
    changes, message = CONFIGURATIONS[fault]
    with pytest.raises(WeightsError, match=message):
        read_lora(configured(tmp_path, **changes))
    assert read_lora(configured(tmp_path)).patches  # the control: the same file unchanged


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"a": ' * 50_000])
def test_malformed_configurations(text: str, tmp_path: Path) -> None:
    """Metadata that is not JSON, not an object or nested without end is refused as such."""
    tensors, _ = FORMATS["diffusers"](adaptation())
    write_tensors(tmp_path / "lora.safetensors", tensors, {"lora_adapter_metadata": text})
    with pytest.raises(WeightsError, match="configuration is not"):
        read_lora(tmp_path / "lora.safetensors")


def test_root_of_rank(tmp_path: Path) -> None:
    """A scale by the root (rsLoRA) divides by the root of the rank: the change is as many times larger."""
    plain, rooted = read_lora(configured(tmp_path)), read_lora(configured(tmp_path, use_rslora=True))
    for one, other in zip(plain.patches, rooted.patches, strict=True):
        rank = len(one.delta.factors["down"])
        assert torch.allclose(one.delta.matrix() * rank**0.5, other.delta.matrix())


def test_names_of_huge_numbers_and_lengths(tmp_path: Path) -> None:
    """Names made to be slow to match, or of blocks that cannot be, end in the listing."""
    names = [
        "lora_unet_" + "te_" * 80 + ".alpha",
        "double_blocks.99999999999.img_attn.qkv.lora_A.weight",
        "transformer." * 18 + "x.lora_A.weight",
    ]
    lora = read_lora(written(tmp_path, with_keys(*names)))
    assert sorted(lora.unmatched) == sorted(names)
