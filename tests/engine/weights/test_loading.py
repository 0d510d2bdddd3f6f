"""Every layout gives the same weights, bit for bit, strictly, and for the memory of one tensor more."""

from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, Mistral3ForConditionalGeneration, Qwen3ForCausalLM, Qwen3Model

from flux2engine.errors import WeightsError
from flux2engine.transformer import Flux2Transformer
from flux2engine.weights.checkpoint import Checkpoint, open_checkpoint
from flux2engine.weights.identify import Identified, identify
from flux2engine.weights.layouts import piece, transformer_shapes
from flux2engine.weights.loading import load_weights
from tests.engine import checkpoints
from tests.engine.language_model_files import language_model
from tests.engine.parity.from_disk import CPU, load

ROOT = Path(__file__).parents[3]

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured through /proc")


def opened(path: Path) -> tuple[Checkpoint, Identified]:
    """Open and identify, with the config.json of a folder."""
    checkpoint = open_checkpoint(path)
    config = path / "config.json"
    return checkpoint, identify(checkpoint, json.loads(config.read_text(encoding="utf-8")) if path.is_dir() else None)


def meta_transformer(found: Identified) -> Flux2Transformer:
    """Build what was identified, without memory."""
    with torch.device("meta"):
        return Flux2Transformer(found.shape)  # type: ignore[arg-type]


def assert_same(module: nn.Module, source: nn.Module) -> None:
    """Assert that all weights are bit for bit those of the source."""
    ours, theirs = module.state_dict(), source.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor), name


LAYOUTS: dict[str, Callable[[Path, str], Path]] = {
    "official": lambda folder, name: checkpoints.write_official(folder, name),
    "prefixed": lambda folder, name: checkpoints.write_official(folder, name, prefix="model.diffusion_model."),
    "other spelling": lambda folder, name: checkpoints.write_official(
        folder, name, prefix="diffusion_model.", norm_suffix="weight"
    ),
    "diffusers": lambda folder, name: checkpoints.write_diffusers_transformer(folder / "t", name),
    "diffusers, sharded": lambda folder, name: checkpoints.write_diffusers_transformer(
        folder / "t", name, shard_size="200KB"
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["dev", "klein-9b-kv", "klein-4b"])
def test_transformers(name: str, layout: str, tmp_path: Path) -> None:
    """Every layout gives the written weights exactly, and the bytes placed are those of the module."""
    checkpoint, found = opened(LAYOUTS[layout](tmp_path, name))
    module = meta_transformer(found)
    moved = load_weights(module, checkpoint, found, CPU, None)
    assert_same(module, checkpoints.small_transformer(name))
    assert moved == sum(part.nbytes for part in module.parameters()) == 4 * found.parameters
    assert not any(part.requires_grad for part in module.parameters())


@pytest.mark.parametrize("small_decoder", [False, True])
@pytest.mark.parametrize("layout", ["official", "diffusers"])
def test_autoencoders(layout: str, small_decoder: bool, tmp_path: Path) -> None:
    """Both layouts give the written weights and statistics exactly; the counter that nothing uses is left out."""
    if layout == "official":
        path = checkpoints.write_official_autoencoder(tmp_path, small_decoder=small_decoder)
    else:
        path = checkpoints.write_diffusers_autoencoder(tmp_path / "vae", small_decoder=small_decoder)
    module, _ = load(path)
    assert_same(module, checkpoints.small_autoencoder(small_decoder))


def test_dtypes(tmp_path: Path) -> None:
    """None keeps the file's dtype, another one casts every weight, and statistics are fp32 in any case."""
    path = checkpoints.write_official_autoencoder(tmp_path, dtype=torch.bfloat16)
    for wanted, expected in ((None, torch.bfloat16), (torch.float32, torch.float32), (torch.float16, torch.float16)):
        module, _ = load(path, wanted)
        assert {part.dtype for part in module.parameters()} == {expected}
        assert {part.dtype for part in module.buffers()} == {torch.float32}
    bf16 = checkpoints.write_diffusers_transformer(tmp_path / "t", "klein-4b", dtype=torch.bfloat16)
    module, _ = load(bf16, torch.float32)  # joined and swapped tensors are cast as well
    for name, tensor in checkpoints.small_transformer("klein-4b").state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor.bfloat16().float()), name


@pytest.mark.parametrize("name", ["klein-4b", "klein-9b", "dev"])
def test_language_models(name: str, tmp_path: Path) -> None:
    """A module cut at the last tap, and transformers' whole classes, take the weights they have and no others."""
    folder = checkpoints.write_text_encoder(tmp_path, name, shard_size="200KB") / "text_encoder"
    checkpoint, found = opened(folder)
    config = AutoConfig.from_pretrained(folder)
    source = language_model(checkpoints.sibling(name).text_encoder)
    with torch.device("meta"):
        whole = Mistral3ForConditionalGeneration(config) if name == "dev" else Qwen3ForCausalLM(config)
        config.get_text_config().num_hidden_layers = 27
        cut = None if name == "dev" else Qwen3Model(config)
    load_weights(whole, checkpoint, found, CPU, None)
    assert_same(whole, source)
    tied = name == "klein-4b"
    assert any(key.endswith("lm_head.weight") for key in checkpoint.forms) is not tied
    assert (whole.get_output_embeddings().weight is whole.get_input_embeddings().weight) is tied
    if cut is not None:
        moved = load_weights(cut, checkpoint, found, CPU, None)
        assert moved == sum(part.nbytes for part in cut.parameters())
        wanted = source.model.state_dict()
        assert {key for key in wanted if key not in cut.state_dict()} == {
            key for key in wanted if key.startswith("layers.") and int(key.split(".")[1]) >= 27
        }
        assert all(torch.equal(tensor, wanted[key]) for key, tensor in cut.state_dict().items())


@pytest.mark.parametrize("prefix", ["", "model.", "language_model.model.", "model.language_model.", "language_model."])
def test_language_models_under_every_prefix(prefix: str, tmp_path: Path) -> None:
    """One file per spelling, pruned after the last tap, loads into a module of as many layers."""
    path = checkpoints.write_text_encoder_file(tmp_path, "klein-4b", layers=27, prefix=prefix)
    written = checkpoints.write_text_encoder(tmp_path, "klein-4b") / "text_encoder"
    checkpoint = open_checkpoint(path)
    found = identify(checkpoint, json.loads((written / "config.json").read_text(encoding="utf-8")))
    assert found.prefix == prefix
    config = AutoConfig.from_pretrained(written)
    config.num_hidden_layers = 27
    with torch.device("meta"):
        module = Qwen3Model(config)
    load_weights(module, checkpoint, found, CPU, None)
    source = language_model(checkpoints.sibling("klein-4b").text_encoder).model.state_dict()
    assert all(torch.equal(tensor, source[key]) for key, tensor in module.state_dict().items())


# --- what is refused ---------------------------------------------------------------------------------------------


def test_another_shape_is_refused_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, unexpected and misshapen keys are all named, and the module stays on the meta device."""
    checkpoint, found = opened(checkpoints.write_official(tmp_path, "klein-4b"))
    monkeypatch.setattr(Checkpoint, "tensor", lambda *_: pytest.fail("a tensor was read"))
    other = replace(checkpoints.sibling("klein-4b").transformer, double_blocks=2, single_blocks=1, context_dim=90)
    with torch.device("meta"):
        module = Flux2Transformer(other)
    with pytest.raises(WeightsError, match="does not fit this Flux2Transformer") as caught:
        load_weights(module, checkpoint, found, CPU, None)
    assert "double_blocks.1.img_attn.qkv.weight" in caught.value.missing
    assert "single_blocks.1.linear1.weight" in caught.value.unexpected
    assert caught.value.mismatched == ("txt_in.weight (64, 96) instead of (64, 90)",)
    assert all(part.is_meta for part in module.parameters())


def _spoiled(path: Path, name: str, value: float, dtype: torch.dtype = torch.float32) -> Path:
    tensors = {key: tensor.to(dtype) for key, tensor in load_file(path).items()}
    tensors[name].view(-1)[5] = value
    save_file(tensors, path)
    return path


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused_by_name(value: float, tmp_path: Path) -> None:
    """One value in one third of a fused weight is found and named as the file names it."""
    folder = checkpoints.write_diffusers_transformer(tmp_path / "t", "klein-4b")
    name = "transformer_blocks.0.attn.to_k.weight"
    _spoiled(folder / "diffusion_pytorch_model.safetensors", name, value)
    checkpoint, found = opened(folder)  # the header is good: identifying does not see it
    with pytest.raises(WeightsError, match="not finite") as caught:
        load_weights(meta_transformer(found), checkpoint, found, CPU, None)
    assert caught.value.mismatched == (name,)


def test_values_too_large_for_the_dtype_are_refused(tmp_path: Path) -> None:
    """A weight that overflows in the dtype asked for is named; in its own dtype it loads."""
    path = _spoiled(checkpoints.write_official(tmp_path, "klein-4b"), "img_in.weight", 1e6)
    checkpoint, found = opened(path)
    load_weights(meta_transformer(found), checkpoint, found, CPU, torch.bfloat16)
    with pytest.raises(WeightsError, match=r"too large for torch\.float16.*img_in\.weight"):
        load_weights(meta_transformer(found), checkpoint, found, CPU, torch.float16)


def test_whole_numbers_are_not_cast(tmp_path: Path) -> None:
    """Whole numbers in the place of weights are a packed format, and refused."""
    path = checkpoints.write_official(tmp_path, "klein-4b")
    save_file(load_file(path) | {"img_in.weight": torch.ones(64, 128, dtype=torch.int32)}, path)
    checkpoint, found = opened(path)
    with pytest.raises(WeightsError, match=r"img_in\.weight \(64, 128\) of torch\.int32"):
        load_weights(meta_transformer(found), checkpoint, found, CPU, None)


# --- memory ------------------------------------------------------------------------------------------------------


@linux
def test_weights_in_the_right_dtype_stay_maps_of_the_file(tmp_path: Path) -> None:
    """On the CPU in the file's dtype nothing is copied; the maps go with the module. A cast copies, the control."""
    path = checkpoints.write_official(tmp_path, "dev")
    checkpoint, found = opened(path)

    def maps() -> int:
        return Path("/proc/self/maps").read_text(encoding="utf-8").count(str(path))

    module = meta_transformer(found)
    load_weights(module, checkpoint, found, CPU, torch.float32)
    assert maps() > 0
    before = path.read_bytes()
    module.img_in.weight.data.fill_(3)
    assert path.read_bytes() == before
    del module
    gc.collect()
    assert maps() == 0
    module = meta_transformer(found)
    load_weights(module, checkpoint, found, CPU, torch.bfloat16)
    assert maps() == 0


def _large(path: Path, layout: str) -> Path:
    """Write 73 million parameters of zeros, in bf16, that take no disk."""
    small = checkpoints.sibling("klein-4b").transformer
    config = replace(
        small, hidden_size=1024, heads=32, double_blocks=1, single_blocks=2, context_dim=512, axes_dim=(8, 8, 8, 8)
    )
    forms: dict[str, tuple[int, ...]] = {}
    for name, shape in transformer_shapes(config).items():
        found = piece("transformer", "official" if layout == "official" else "diffusers", "", name)
        forms |= dict(zip(found.names, found.shapes(shape), strict=True))
    return checkpoints.write_sparse(path / "large.safetensors", forms)


@linux
@pytest.mark.parametrize("layout", ["official", "diffusers"])
def test_memory_stays_at_one_tensor_more(layout: str, tmp_path: Path) -> None:
    """Loading 146 MB as 293 MB takes the module and one tensor's bytes, in both layouts; a greedy loader takes more."""
    path = _large(tmp_path, layout)

    def peak(reader: str) -> dict[str, int]:
        child = subprocess.run(
            [sys.executable, "-m", "tests.engine.weights.loading_child", reader, "float32", str(path)],
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'engine'}", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert child.returncode == 0, child.stderr[-3000:]
        measured: dict[str, int] = json.loads(child.stdout)
        return measured

    ours = peak("ours")
    assert ours["kept"] > 280e6
    # The largest tensor once more in each dtype, the checks' verdicts, and some for the allocator.
    bound = ours["kept"] + 1.5 * ours["largest"] + 24e6
    assert ours["rose"] <= bound
    if layout == "official":  # the control; diffusers' names do not load into our module without the rules
        assert peak("greedy")["rose"] > bound


def test_one_tensor_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the tensors read, at most one fused group is alive at a time when they are copied."""
    checkpoint, found = opened(checkpoints.write_diffusers_transformer(tmp_path / "t", "dev"))
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0
    original = Checkpoint.tensor

    def tensor(self: Checkpoint, name: str) -> torch.Tensor:
        nonlocal most
        read = original(self, name)
        alive.append(weakref.ref(read))
        most = max(most, sum(1 for one in alive if one() is not None))
        return read

    monkeypatch.setattr(Checkpoint, "tensor", tensor)
    load_weights(meta_transformer(found), checkpoint, found, CPU, torch.bfloat16)
    assert len(alive) == len(checkpoint.forms)
    assert most <= 3


def test_bytes_do_not_depend_on_aliasing(tmp_path: Path) -> None:
    """What counts as moved is what the module holds, mapped or copied."""
    path = checkpoints.write_official(tmp_path, "klein-4b")
    checkpoint, found = opened(path)
    moved = {
        dtype: load_weights(meta_transformer(found), checkpoint, found, CPU, dtype) for dtype in (None, torch.bfloat16)
    }
    assert moved[None] == 2 * moved[torch.bfloat16] == sum(form.nbytes for form in checkpoint.forms.values())
    assert moved[None] == 4 * sum(math.prod(form.shape) for form in checkpoint.forms.values())
