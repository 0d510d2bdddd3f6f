"""A header says what a component is; what nobody here knows is refused with the nearest layout and what differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.variants import AUTOENCODERS, TEXT_ENCODERS, VARIANTS
from flux2engine.weights.checkpoint import Checkpoint, TensorForm, open_checkpoint
from flux2engine.weights.identify import Identified, identify, official_shapes
from tests.engine import checkpoints
from tests.engine.language_model_files import write_language_model

KLEIN_4B = VARIANTS["klein-4b"].transformer
QWEN = TEXT_ENCODERS["qwen3-4b"].config

Shapes = Mapping[str, tuple[int, ...]]


def of(shapes: Shapes, dtype: torch.dtype = torch.bfloat16, **special: torch.dtype) -> Checkpoint:
    """Return a checkpoint of nothing but a header; reading a tensor of it is a KeyError."""
    forms = {name: TensorForm(special.get(name, dtype), shape) for name, shape in shapes.items()}
    return Checkpoint((Path("weights.safetensors"),), MappingProxyType(forms), {}, {})


def described(folder: Path) -> Identified:
    """Identify a folder with its config.json."""
    return identify(open_checkpoint(folder), json.loads((folder / "config.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("suffix", checkpoints.NORM_SUFFIXES)
@pytest.mark.parametrize("prefix", checkpoints.PREFIXES)
@pytest.mark.parametrize("name", ["dev", "klein-9b", "klein-4b"])
def test_official_files(name: str, prefix: str, suffix: str, tmp_path: Path) -> None:
    """Every spelling of the official file gives the sibling's shape and the prefix."""
    path = checkpoints.write_official(tmp_path, name, prefix=prefix, norm_suffix=suffix, dtype=torch.bfloat16)
    found = identify(open_checkpoint(path))
    assert (found.kind, found.layout, found.prefix) == ("transformer", "official", prefix)
    assert found.shape == checkpoints.sibling(name).transformer
    assert found.published == ()
    assert found.parameters == sum(part.numel() for part in checkpoints.small_transformer(name).parameters())
    assert found.dtypes == ("BF16",)


@pytest.mark.parametrize("name", ["dev", "klein-9b", "klein-4b"])
def test_diffusers_folders(name: str, tmp_path: Path) -> None:
    """Sharded transformer, autoencoder and language model of one folder are each identified, config agreeing."""
    folder = checkpoints.write_diffusers(tmp_path, name, shard_size="300KB")
    row = checkpoints.sibling(name)
    transformer, autoencoder, text = (described(folder / part) for part in ("transformer", "vae", "text_encoder"))
    assert (transformer.kind, transformer.layout, transformer.shape) == ("transformer", "diffusers", row.transformer)
    assert (autoencoder.kind, autoencoder.layout, autoencoder.shape) == ("autoencoder", "diffusers", row.autoencoder)
    assert (text.kind, text.layout, text.shape) == ("text_encoder", "transformers", row.text_encoder)
    assert identify(open_checkpoint(folder / "transformer")).shape == row.transformer  # by header alone


@pytest.mark.parametrize("small_decoder", [False, True])
def test_autoencoders(small_decoder: bool, tmp_path: Path) -> None:
    """The narrow decoder is seen in the header, in both layouts; parameters leave the statistics out."""
    wanted = checkpoints.SMALL_DECODER if small_decoder else checkpoints.AUTOENCODER
    official = identify(open_checkpoint(checkpoints.write_official_autoencoder(tmp_path, small_decoder=small_decoder)))
    folder = checkpoints.write_diffusers_autoencoder(tmp_path / "vae", small_decoder=small_decoder)
    count = sum(part.numel() for part in checkpoints.small_autoencoder(small_decoder).parameters())
    for found in (official, described(folder)):
        assert (found.kind, found.shape, found.parameters) == ("autoencoder", wanted, count)


@pytest.mark.parametrize("row", AUTOENCODERS.values(), ids=lambda row: row.name)
def test_published_autoencoders(row: Any) -> None:
    """Each published autoencoder is known by its header, and only it."""
    assert identify(of(official_shapes(row.config))).published == (row.name,)


def test_the_groups_come_from_the_config() -> None:
    """No header shows the groups of norms: 32 unless config.json says otherwise, and they must divide the channels."""
    header = of(official_shapes(AUTOENCODERS["flux2"].config))
    assert identify(header, {"norm_num_groups": 16}).shape.groups == 16  # type: ignore[union-attr]
    for wrong in (0, 3, "32", True, None):
        with pytest.raises(WeightsError, match="groups"):
            identify(header, {"norm_num_groups": wrong})


# --- what is not known -------------------------------------------------------------------------------------------


def flux1() -> dict[str, tuple[int, ...]]:
    """Return a part of FLUX.1's header: its blocks modulate themselves and have biases."""
    h = 3072
    shapes: dict[str, tuple[int, ...]] = {
        "img_in.weight": (h, 64),
        "img_in.bias": (h,),
        "txt_in.weight": (h, 4096),
        "txt_in.bias": (h,),
        "vector_in.in_layer.weight": (h, 768),
        "final_layer.linear.weight": (64, h),
        "final_layer.adaLN_modulation.1.weight": (2 * h, h),
        "time_in.in_layer.weight": (h, 256),
        "time_in.out_layer.weight": (h, h),
    }
    for n in range(19):
        for stream in ("img", "txt"):
            stem = f"double_blocks.{n}.{stream}_"
            shapes |= {
                f"{stem}mod.lin.weight": (6 * h, h),
                f"{stem}attn.qkv.weight": (3 * h, h),
                f"{stem}attn.qkv.bias": (3 * h,),
                f"{stem}attn.norm.query_norm.scale": (128,),
                f"{stem}attn.norm.key_norm.scale": (128,),
                f"{stem}attn.proj.weight": (h, h),
                f"{stem}mlp.0.weight": (4 * h, h),
                f"{stem}mlp.2.weight": (h, 4 * h),
            }
    for n in range(38):
        shapes |= {
            f"single_blocks.{n}.linear1.weight": (7 * h, h),
            f"single_blocks.{n}.linear2.weight": (h, 5 * h),
            f"single_blocks.{n}.norm.query_norm.scale": (128,),
            f"single_blocks.{n}.norm.key_norm.scale": (128,),
        }
    return shapes


SDXL = {
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight": (640, 640),
    "model.diffusion_model.time_embed.0.weight": (1280, 320),
    "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight": (49408, 768),
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
}
LORA = {
    f"diffusion_model.double_blocks.{n}.img_attn.qkv.lora_{side}.weight": shape
    for n in range(5)
    for side, shape in (("A", (16, 3072)), ("B", (9216, 16)))
}
STRANGERS = {
    "FLUX.1": (flux1(), "it looks like FLUX.1", "the official layout of a transformer"),
    "SDXL": (SDXL, "it looks like Stable Diffusion", "the nearest is the"),
    "a LoRA": (LORA, "it looks like a LoRA", "a transformer with the prefix diffusion_model."),
    "anything": ({"conv.weight": (3, 3)}, "is in no layout that is known here", "the nearest is the"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_is_refused(stranger: str) -> None:
    """The error guesses what it is, names the nearest layout, and the first ten of the keys that differ each way."""
    shapes, guess, nearest = STRANGERS[stranger]
    with pytest.raises(UnknownLayoutError) as caught:
        identify(of(shapes))
    message = str(caught.value)
    assert message.startswith("weights.safetensors is in no layout that is known here")
    assert guess in message
    assert nearest in message
    assert caught.value.missing
    assert set(caught.value.unexpected) <= set(shapes)
    for label, names in (("missing", caught.value.missing), ("unexpected", caught.value.unexpected)):
        listed = f"{label} ({len(names)}): {', '.join(names[:10])}"
        assert listed + (f" and {len(names) - 10} more" if len(names) > 10 else "") in message


def test_the_differing_keys_of_flux1_are_those_that_differ() -> None:
    """Against FLUX.1, shared modulation is missing and the blocks' own is unexpected; block counts fit."""
    with pytest.raises(UnknownLayoutError) as caught:
        identify(of(flux1()))
    error = caught.value
    assert {name for name in error.missing if "double_blocks" in name or "single_blocks" in name} == set()
    assert "double_stream_modulation_img.lin.weight" in error.missing
    assert "double_blocks.18.img_mod.lin.weight" in error.unexpected
    assert "double_blocks.18.img_attn.qkv.weight" not in error.unexpected
    assert any(
        line.startswith("double_blocks.0.img_mlp.0.weight (12288, 3072) instead of") for line in error.mismatched
    )


def test_one_difference_is_enough() -> None:
    """A key less, a key more, a shape changed, a hole in the blocks: each is refused by its name; none is not."""
    good = official_shapes(KLEIN_4B)
    assert identify(of(good)).published == ("klein-4b", "klein-base-4b")
    gone = "single_blocks.7.linear2.weight"
    with pytest.raises(UnknownLayoutError, match=rf"missing \(1\): {gone}"):
        identify(of({name: shape for name, shape in good.items() if name != gone}))
    with pytest.raises(UnknownLayoutError, match=r"unexpected \(1\): img_in\.bias"):
        identify(of(good | {"img_in.bias": (3072,)}))
    with pytest.raises(UnknownLayoutError, match=r"mismatched \(1\): final_layer\.linear\.weight \(64, 3072\)"):
        identify(of(good | {"final_layer.linear.weight": (64, 3072)}))
    renumbered = {name.replace("double_blocks.4.", "double_blocks.999999999."): shape for name, shape in good.items()}
    with pytest.raises(UnknownLayoutError, match=r"double_blocks\.4\.img_attn"):
        identify(of(renumbered))
    with pytest.raises(UnknownLayoutError, match="the prefix model"):
        identify(of({f"model.diffusion_model.{name}": shape for name, shape in good.items()} | {"x": (1,)}))


QUANTISED = {
    "fp8": ({"img_in.weight": (8, 8)}, {"img_in.weight": torch.float8_e4m3fn}, "fp8"),
    "fp8 scaled": ({"a.weight": (8, 8), "a.weight_scale": (), "a.input_scale": ()}, {}, "fp8, scaled"),
    "fp8 of ComfyUI": ({"scaled_fp8": (2,), "a.scale_weight": ()}, {}, "fp8, scaled as ComfyUI does it"),
    "ComfyUI": ({"a.weight": (8, 8), "a.comfy_quant": (20,), "a.weight_scale": ()}, {}, "ComfyUI's quantised"),
    "nvfp4": ({"a.weight": (8, 4), "a.weight_scale": (8, 1), "a.weight_scale_2": ()}, {}, "nvfp4"),
    "nf4": ({"a.weight": (32, 1), "a.weight.absmax": (1,), "a.weight.quant_map": (16,)}, {}, "bitsandbytes"),
    "packed": ({"img_in.weight": (8, 4)}, {"img_in.weight": torch.uint8}, "packed"),
    "int8": ({"a.weight": (8, 4), "a.SCB": (8,)}, {}, "bitsandbytes"),
}


@pytest.mark.parametrize("case", QUANTISED)
def test_quantised_weights_are_recognised(case: str) -> None:
    """Formats that are not read yet are refused by name, never as a shape that does not fit."""
    shapes, dtypes, name = QUANTISED[case]
    with pytest.raises(UnknownLayoutError, match=rf"holds {name}.*not read yet") as caught:
        identify(of(shapes, **dtypes))
    assert not caught.value.mismatched


def test_a_tokenizer_among_the_weights_is_no_quantisation(tmp_path: Path) -> None:
    """The bytes of a tokenizer that some files carry are ignored: the refusal is about the missing config."""
    path = checkpoints.write_text_encoder_file(tmp_path, "dev", prefix="model.")
    assert "tekken_model" in open_checkpoint(path).forms
    with pytest.raises(WeightsError, match=r"no published shape.*its config\.json is needed"):
        identify(open_checkpoint(path))


# --- config.json -------------------------------------------------------------------------------------------------

CONTRADICTIONS = [
    {"num_layers": 6},
    {"num_single_layers": 21},
    {"attention_head_dim": 64},
    {"joint_attention_dim": 15360},
    {"rope_theta": 10_000},
    {"axes_dims_rope": [16, 56, 56]},
    {"mlp_ratio": 4.0},
    {"patch_size": 2},
]


@pytest.mark.parametrize("wrong", CONTRADICTIONS, ids=str)
def test_a_config_that_contradicts_is_refused(wrong: dict[str, Any]) -> None:
    """The header decides; what no header shows must be FLUX.2's; classes and other keys are ignored."""
    header = of(official_shapes(KLEIN_4B))
    right = {
        "_class_name": "os.system",
        "num_layers": 5,
        "rope_theta": 2000,
        "axes_dims_rope": [32] * 4,
        "mlp_ratio": 3.0,
    }
    assert identify(header, right).published
    with pytest.raises(WeightsError, match=next(iter(wrong))):
        identify(header, right | wrong)


LANGUAGE_MODEL = {
    "model_type": "qwen3",
    "vocab_size": QWEN.vocabulary,
    "hidden_size": QWEN.hidden_size,
    "intermediate_size": QWEN.feed_forward_size,
    "num_hidden_layers": QWEN.layers,
    "num_attention_heads": QWEN.heads,
    "num_key_value_heads": QWEN.key_value_heads,
    "head_dim": QWEN.head_dim,
    "rope_theta": 1000000,
    "rope_scaling": None,
    "auto_map": {"AutoModel": "modeling_evil.Evil"},
    "architectures": ["Anything"],
}


def test_a_real_config_is_read() -> None:
    """The published Qwen3-4B's config.json gives the published row; code that it names is not looked at."""
    header = of({f"model.{name}": shape for name, shape in official_shapes(QWEN).items()})
    assert identify(header, LANGUAGE_MODEL).published == ("qwen3-4b",)
    newer = LANGUAGE_MODEL | {"rope_theta": None, "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"}}
    assert identify(header, newer).published == ("qwen3-4b",)
    assert identify(header, LANGUAGE_MODEL | {"rope_theta": 5000}).published == ()


WRONG_CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"model_type": "llama"}, "model_type"),
    ({"model_type": "ministral3"}, "model_type"),  # another attention under a like name
    ({"model_type": None}, "model_type"),
    ({"hidden_size": "2560"}, "hidden_size"),
    ({"hidden_size": 2.5}, "hidden_size"),
    ({"hidden_size": 10**12}, "hidden_size"),
    ({"num_hidden_layers": 0}, "num_hidden_layers"),
    ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
    ({"num_hidden_layers": 30}, "has 36 layers and its config.json says 30"),
    ({"num_key_value_heads": 5}, "no multiple"),
    ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "rotary embedding is scaled"),
    ({"hidden_size": 4096}, "in no layout"),
    ({"vocab_size": 1000}, "in no layout"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG_CONFIGS, ids=str)
def test_a_wrong_language_model_config_is_refused(wrong: dict[str, Any], message: str) -> None:
    """Only plain numbers in bounds, of the two families, that fit the header, are a text encoder."""
    header = of({f"model.{name}": shape for name, shape in official_shapes(QWEN).items()})
    with pytest.raises(WeightsError, match=message):
        identify(header, LANGUAGE_MODEL | wrong)


def test_too_few_layers(tmp_path: Path) -> None:
    """A language model that stops before the last tapped layer is refused; one that stops right after it is not."""
    config = checkpoints.sibling("klein-4b").text_encoder
    described_as = json.loads((write_language_model(tmp_path, config) / "config.json").read_text(encoding="utf-8"))
    for layers, good in ((27, True), (26, False)):
        path = checkpoints.write_text_encoder_file(tmp_path / str(layers), "klein-4b", layers=layers)
        if good:
            assert identify(open_checkpoint(path), described_as).shape.layers == 27  # type: ignore[union-attr]
        else:
            with pytest.raises(WeightsError, match=r"has 26 layers; FLUX\.2 takes its text from layer 27 as the last"):
                identify(open_checkpoint(path), described_as)
