"""GGUF weights: unpacked as the `gguf` package does it, bit for bit, in whole models that paint the same velocity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import gguf
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.importing import import_path, show, verify
from flux2engine.importing.gathering import gather
from flux2engine.language_model import LanguageModelEncoder
from flux2engine.library import Library
from flux2engine.memory import Placement
from flux2engine.stages import InstalledParts
from flux2engine.transformer import Flux2Transformer
from flux2engine.variants import VARIANTS, TextEncoderConfig, TransformerConfig
from flux2engine.weights import gguf as ours
from flux2engine.weights.formats import open_weights
from flux2engine.weights.gguf import UNPACK, GgufWeight
from flux2engine.weights.gguf_file import BLOCKS, PLAIN
from flux2engine.weights.identify import identify, official_shapes
from flux2engine.weights.loading import load_weights
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.packed_linear import PackedLinear
from tests.engine import checkpoints
from tests.engine.language_model_files import language_model
from tests.engine.parity.peer import transformer_inputs
from tests.engine.random_weights import randomise
from tests.engine.weights.gguf_files import NUMBERS, PACKED, Packed, pack, write_gguf, write_sparse_gguf

CPU = torch.device("cpu")
# Every matrix but that of the latents has rows of whole blocks of 256, as in the real models.
CONFIG = TransformerConfig(
    hidden_size=256,
    heads=8,
    head_dim=32,
    axes_dim=(8, 8, 8, 8),
    double_blocks=1,
    single_blocks=1,
    context_dim=256,
    guidance_embedding=False,
)
# As llama-quantize mixes them: some layers finer, what does not divide or is small unpacked.
MIXTURE = {"linear1": "Q5_K", "img_attn.qkv": "Q6_K", "mlp.2": "Q8_0", "img_in": "F16", "final_layer": "BF16"}


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors hold the same float32 bits: zeros of different signs differ."""
    return one.dtype == other.dtype == torch.float32 and torch.equal(one.view(torch.int32), other.view(torch.int32))


def weight(packed: Packed) -> GgufWeight:
    """Return what our side makes of the bytes of a tensor."""
    block = BLOCKS[NUMBERS[packed.type]]
    codes = torch.from_numpy(packed.data.reshape(-1, block.nbytes).copy())
    return GgufWeight(block, packed.shape, codes)


def values(*shape: int, seed: int = 1) -> Tensor:
    """Draw values of the size that weights have."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.05


# --- blocks ------------------------------------------------------------------------------------------------------


def test_every_type_is_unpacked_or_plain() -> None:
    """What the container lets in, and only that, is unpacked."""
    assert set(UNPACK) | set(PLAIN) == {block.name for block in BLOCKS.values()}
    assert not set(UNPACK) & set(PLAIN)


@pytest.mark.parametrize("name", PACKED)
def test_blocks_unpack_as_the_package_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal bits in float32, whole and some blocks at a time; one changed byte of a scale gives other values."""
    packed = pack(values(24, 512), name)
    reference = packed.reference()
    assert 0.01 < reference.std() < 0.2
    unpacked = weight(packed).dequantised()
    assert same_bits(unpacked, reference)
    assert torch.equal(weight(packed).dequantised(torch.bfloat16), reference.to(torch.bfloat16))
    monkeypatch.setattr(ours, "_VALUES_AT_ONCE", 5 * 256)
    assert same_bits(weight(packed).dequantised(), reference)
    changed = weight(packed)
    position = {"Q2_K": 80, "Q3_K": 108, "Q6_K": 208}.get(name, 0)
    changed.codes[7, position] ^= 0x20  # of the half-precision scale
    difference = changed.dequantised().reshape(-1, changed.block.values) != reference.reshape(-1, changed.block.values)
    assert difference.any(dim=1).nonzero().flatten().tolist() == [7]


@pytest.mark.parametrize("name", PACKED)
def test_every_byte_of_a_block_counts(name: str) -> None:
    """Random blocks, every bit of codes, scales and signs in play, unpack as the package does; so does each changed."""
    block = BLOCKS[NUMBERS[name]]
    random = pack(values(64, 256, seed=3), name)
    generator = torch.Generator().manual_seed(4)
    raw = torch.from_numpy(random.data.reshape(-1, block.nbytes).copy())
    noise = torch.randint(0, 256, raw.shape, generator=generator, dtype=torch.uint8)
    halves = [start + offset for start in _halves(name) for offset in (0, 1)]
    codes = [index for index in range(block.nbytes) if index not in halves]
    raw[:, codes] = noise[:, codes]
    reference = Packed(name, raw.reshape(64, -1).numpy(), (64, 256)).reference()
    assert same_bits(GgufWeight(block, (64, 256), raw).dequantised(), reference)
    for index in codes:
        changed = raw.clone()
        changed[:, index] ^= 0xFF
        assert not same_bits(GgufWeight(block, (64, 256), changed).dequantised(), reference), index


def _halves(name: str) -> tuple[int, ...]:
    return {"Q4_1": (0, 2), "Q5_1": (0, 2), "Q2_K": (80, 82), "Q3_K": (108,), "Q6_K": (208,)}.get(
        name, (0, 2) if name in ("Q4_K", "Q5_K") else (0,)
    )


@pytest.mark.parametrize("name", PACKED)
def test_rows_are_cut_exactly(name: str) -> None:
    """Some rows of a packed weight are those rows of the unpacked one, q, k and v come apart, and odd cuts work too."""
    whole = weight(pack(values(30, 256), name))
    unpacked = whole.dequantised()
    for start, stop in ((0, 10), (10, 20), (20, 30), (3, 4), (0, 30)):
        part = whole.rows(start, stop)
        assert part.shape == (stop - start, 256)
        assert part.format == whole.format == f"gguf {name}"
        assert part.nbytes * 30 == whole.nbytes * (stop - start)
        assert same_bits(part.dequantised(), unpacked[start:stop])
    assert same_bits(whole.rows(6, 20).rows(2, 5).dequantised(), unpacked[8:11])
    for start, stop in ((0, 31), (5, 5), (-1, 3), (9, 2)):
        with pytest.raises(ValueError, match="are not in a weight of 30 rows"):
            whole.rows(start, stop)


def test_a_cut_through_a_block_is_refused() -> None:
    """Where a row is less than a block, only cuts between blocks are made."""
    line = weight(pack(values(128), "Q8_0"))
    assert same_bits(line.rows(32, 96).dequantised(), line.dequantised()[32:96])
    with pytest.raises(ValueError, match="rows 16 to 96 of 1 values cut a block of 32"):
        line.rows(16, 96)
    assert line.to(CPU).shape == (128,)


# --- transformers ------------------------------------------------------------------------------------------------


@lru_cache
def state() -> Mapping[str, Tensor]:
    """Return the official tensors of a small transformer."""
    return randomise(Flux2Transformer(CONFIG), seed=5).state_dict()


@lru_cache
def packed_state(name: str) -> Mapping[str, Packed]:
    """Return them packed: matrices in one type, or in a mixture of Q4_K with others; norms in F32, as converters do."""
    return {
        key: pack(tensor, _type_of(key, tensor, name), seed=index)
        for index, (key, tensor) in enumerate(state().items())
    }


def _type_of(key: str, tensor: Tensor, name: str) -> str:
    if tensor.ndim < 2:
        return "F32"
    if name == "mixture":
        return next((finer for part, finer in MIXTURE.items() if part in key), "Q4_K")
    return name if tensor.shape[-1] % BLOCKS[NUMBERS[name]].values == 0 else "F16"


def loaded(path: Path, keep_packed: bool = False, dtype: torch.dtype | None = torch.float32) -> Flux2Transformer:
    """Open, identify and load a file."""
    source = open_weights(path)
    found = identify(source)
    assert found.shape == CONFIG
    with torch.device("meta"):
        module = Flux2Transformer(CONFIG)
    load_weights(module, source, found, CPU, dtype, keep_packed)
    return module


def velocity(module: Flux2Transformer) -> Tensor:
    """Paint one step, from weights in memory of the same alignment: multiplying rounds otherwise where it differs."""
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()  # where it was mapped from is the file's affair
    with torch.no_grad():
        return transformer_inputs(references=2, context=CONFIG.context_dim).ours(module)


@lru_cache
def reference_velocity(name: str, folder: Path) -> Tensor:
    """Return the velocity of the package's unpacked values, from a safetensors file."""
    unpacked = {key: packed.reference() for key, packed in packed_state(name).items()}
    save_file(unpacked, folder / "reference.safetensors")
    return velocity(loaded(folder / "reference.safetensors"))


@pytest.mark.parametrize("name", [*NUMBERS, "mixture"])
def test_transformers_are_those_of_the_unpacked_file(name: str, tmp_path: Path) -> None:
    """In every type and a mixture, weights and velocity equal those of the reference's values, bit for bit."""
    path = write_gguf(tmp_path / "model.gguf", packed_state(name))
    module = loaded(path)
    for key, tensor in module.state_dict().items():
        assert same_bits(tensor, packed_state(name)[key].reference()), key
    painted = velocity(module)
    assert painted.std() > 0.1
    assert same_bits(painted, reference_velocity(name, tmp_path))
    formats = {f"gguf {packed.type}" for packed in packed_state(name).values() if packed.type not in PLAIN}
    assert formats <= set(identify(open_weights(path)).dtypes)
    if name == "mixture":
        assert len(formats) == 4


def test_layers_that_stay_packed_paint_the_same(tmp_path: Path) -> None:
    """Kept in their blocks, the layers multiply the same values: the same velocity, from a quarter of the bytes."""
    path = write_gguf(tmp_path / "model.gguf", packed_state("mixture"))
    module = loaded(path, keep_packed=True)
    layers = [layer for layer in module.modules() if isinstance(layer, PackedLinear)]
    assert {name for layer in layers for name in layer.formats} == {f"gguf {name}" for name in _packed_types()}
    assert same_bits(velocity(module), reference_velocity("mixture", tmp_path))
    unpacked = sum(4 * layer.in_features * layer.out_features for layer in layers)
    assert sum(layer.nbytes for layer in layers) < 0.25 * unpacked


def _packed_types() -> set[str]:
    return {packed.type for packed in packed_state("mixture").values()} - set(PLAIN)


def test_a_swap_or_a_changed_scale_shows(tmp_path: Path) -> None:
    """The control: two tensors under each other's names, or one changed byte of one scale, and the velocity differs."""
    tensors = dict(packed_state("mixture"))
    reference = reference_velocity("mixture", tmp_path)
    one, other = "double_stream_modulation_img.lin.weight", "double_stream_modulation_txt.lin.weight"
    swapped = tensors | {one: tensors[other], other: tensors[one]}
    assert not same_bits(velocity(loaded(write_gguf(tmp_path / "swapped.gguf", swapped))), reference)
    path = write_gguf(tmp_path / "changed.gguf", tensors)
    whole = path.read_bytes()
    position = whole.index(tensors["single_blocks.0.linear2.weight"].data.tobytes())
    path.write_bytes(whole[: position + 5] + bytes([whole[position + 5] ^ 0x10]) + whole[position + 6 :])
    assert not same_bits(velocity(loaded(path)), reference)
    path.write_bytes(whole)
    assert same_bits(velocity(loaded(path)), reference)


def test_scales_that_are_not_finite_are_refused_by_name(tmp_path: Path) -> None:
    """A scale of infinity never becomes a weight, whether the layer is unpacked or kept packed."""
    tensors = dict(packed_state("mixture"))
    name = "single_blocks.0.linear2.weight"
    data = tensors[name].data.copy()
    data[3, :2] = (0x00, 0x7C)
    path = write_gguf(tmp_path / "model.gguf", tensors | {name: replace(tensors[name], data=data)})
    for keep_packed in (False, True):
        with pytest.raises(WeightsError, match="not finite") as refused:
            loaded(path, keep_packed)
        assert refused.value.mismatched == (name,)


@pytest.mark.parametrize("architecture", ["flux", "pig", ""])
@pytest.mark.parametrize("prefix", ["", "model.diffusion_model.", "diffusion_model."])
def test_architectures_and_prefixes(architecture: str, prefix: str, tmp_path: Path) -> None:
    """What a file says of its architecture changes nothing, and names may carry the usual prefixes."""
    tensors = {prefix + key: packed for key, packed in packed_state("Q8_0").items()}
    path = write_gguf(tmp_path / "model.gguf", tensors, architecture)
    assert identify(open_weights(path)).prefix == prefix
    module = loaded(path)
    assert same_bits(module.state_dict()["txt_in.weight"], packed_state("Q8_0")["txt_in.weight"].reference())


def test_plain_tensors_keep_their_dtype(tmp_path: Path) -> None:
    """F32, F16 and BF16 are handed out as they stand, mapped from the file; the rest says it is float32."""
    path = write_gguf(tmp_path / "model.gguf", packed_state("mixture"))
    source = open_weights(path)
    assert isinstance(source, UnpackedSource)
    dtypes = {"img_in.weight": torch.float16, "final_layer.linear.weight": torch.bfloat16}
    for key, tensor in dtypes.items():
        assert source.forms[key].dtype == source.tensor(key).dtype == tensor
        assert torch.equal(source.tensor(key).float(), packed_state("mixture")[key].reference())
    assert set(source.packed) == {key for key, packed in packed_state("mixture").items() if packed.type not in PLAIN}
    assert source.packed["single_blocks.0.linear1.weight"].format == "gguf Q5_K"
    assert source.packed["single_blocks.0.linear1.weight"].nbytes == 9 * 256 * 176
    assert source.files == (path,)
    assert source.metadata["general.architecture"] == "flux"


def test_a_missing_or_foreign_tensor_is_listed(tmp_path: Path) -> None:
    """Keys are compared as strictly as those of any other file."""
    tensors = dict(packed_state("Q8_0"))
    gone = tensors.pop("single_blocks.0.linear2.weight")
    with pytest.raises(UnknownLayoutError) as refused:
        identify(open_weights(write_gguf(tmp_path / "model.gguf", tensors | {"strange.weight": gone})))
    assert refused.value.missing == ("single_blocks.0.linear2.weight",)
    assert refused.value.unexpected == ("strange.weight",)


# --- where files lie ---------------------------------------------------------------------------------------------


def test_files_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    """A GGUF file opens under any name, a folder with one opens it, and several have to be told apart by the user."""
    tensors = {"a": pack(values(2, 32), "Q8_0")}
    written = write_gguf(tmp_path / "one" / "model.gguf", tensors)
    renamed = tmp_path / "model.safetensors"
    renamed.write_bytes(written.read_bytes())
    for path in (written, renamed, tmp_path / "one"):
        assert same_bits(open_weights(path).tensor("a"), tensors["a"].reference())
    write_gguf(tmp_path / "one" / "model-Q4.gguf", tensors)
    with pytest.raises(WeightsError, match=r"one holds 2 GGUF files: model-Q4\.gguf, model\.gguf; name one"):
        open_weights(tmp_path / "one")
    save_file({"b": torch.ones(2)}, tmp_path / "one" / "model.safetensors")
    assert list(open_weights(tmp_path / "one").forms) == ["b"]
    save_file({"b": torch.ones(2)}, tmp_path / "not.gguf")
    assert list(open_weights(tmp_path / "not.gguf").forms) == ["b"]


def test_importing_takes_a_file_or_its_folder(tmp_path: Path) -> None:
    """Importing gathers the file, named or alone in its folder, with the format of most bytes first."""
    path = write_gguf(tmp_path / "model.gguf", packed_state("mixture"))
    (tmp_path / "config.json").write_text('{"_class_name": "Flux2Transformer2DModel"}', encoding="utf-8")
    for given in (path, tmp_path):
        (part,) = gather(given).parts
        assert part.checkpoint.files == (path,)
        assert part.config == {"_class_name": "Flux2Transformer2DModel"}
    write_gguf(tmp_path / "other.gguf", {"a": pack(values(2, 32), "Q8_0")})
    assert gather(path).parts[0].config == {}  # whose it is can no longer be told


@pytest.mark.parametrize("name", ["flux-2-klein-base-4b-Q8_0.gguf", "flux-2-klein-base-4b.gguf"])
def test_a_true_size_file_shows_its_variant(name: str, tmp_path: Path) -> None:
    """The type in a file's name is no part of the model's name; shape, parameters and format are shown."""
    shapes = official_shapes(VARIANTS["klein-base-4b"].transformer)
    (shown,) = show(write_sparse_gguf(tmp_path / name, shapes, "Q8_0"))
    assert shown.found is not None
    assert shown.found.parameters == 3_875_544_576
    assert "gguf Q8_0" in shown.found.dtypes
    assert shown.assumed is not None
    assert shown.assumed.variant.name == "klein-base-4b"


def test_an_installed_model_of_gguf_parts(tmp_path: Path) -> None:
    """A diffusers folder whose transformer and text encoder are GGUF is imported, verified and loaded as it stands."""
    folder = checkpoints.write_diffusers(tmp_path / "FLUX.2-klein-4B", "klein-4b")
    for part in ("transformer", "text_encoder"):
        for file in (folder / part).glob("*.safetensors*"):
            file.unlink()
    official = checkpoints.official_state("klein-4b")
    state = {key: pack(tensor, "Q8_0" if tensor.ndim == 2 else "F32") for key, tensor in official.items()}
    write_gguf(folder / "transformer" / "flux-2-klein-4b-Q8_0.gguf", state)
    config = checkpoints.sibling("klein-4b").text_encoder
    tensors, references = llama_cpp_tensors(config, "qwen3")
    write_gguf(folder / "text_encoder" / "Qwen3-4B-Q8_0.gguf", tensors, "qwen3", head_counts(config, "qwen3"))
    library = Library(tmp_path / "models")
    import_path(library, folder, variant="klein-4b")
    assert {verdict.state for verdict in verify(library)} == {"same"}
    parts = InstalledParts(library.model("klein-4b"))
    placement = Placement(CPU, torch.float32)
    transformer, _ = parts.load_transformer(placement)
    weights = whole_weights(transformer)
    assert weights.keys() == state.keys()
    assert all(same_bits(tensor, state[key].reference()) for key, tensor in weights.items())
    encoder, _ = parts.load_text_encoder(placement)
    assert isinstance(encoder, LanguageModelEncoder)
    for key, tensor in whole_weights(encoder.model).items():
        assert same_bits(tensor, references[key]), key


def whole_weights(module: torch.nn.Module) -> dict[str, Tensor]:
    """Return parameters by name, those of layers that stayed packed unpacked."""
    layers = {name: part for name, part in module.named_modules() if isinstance(part, PackedLinear)}
    unpacked = {f"{name}.weight": layer.dequantised(torch.float32) for name, layer in layers.items()}
    assert unpacked
    return {name: parameter.data for name, parameter in module.named_parameters()} | unpacked


# --- language models ---------------------------------------------------------------------------------------------


def text_config(name: str) -> TextEncoderConfig:
    """Return a small text encoder whose rows are whole blocks of 32."""
    return replace(checkpoints.sibling(name).text_encoder, hidden_size=64, feed_forward_size=96)


def llama_cpp_tensors(config: TextEncoderConfig, architecture: str) -> tuple[dict[str, Packed], dict[str, Tensor]]:
    """Return a language model packed as llama.cpp's converter names and orders it, and by transformers' names."""
    model = language_model(config)
    decoder = model.model if config.kind == "qwen3" else model.model.language_model
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], config.layers)
    tensors, references = {}, {}
    for key, tensor in decoder.state_dict().items():
        theirs = names.get_name(f"model.{key}", try_suffixes=(".weight",))
        assert theirs is not None
        packed = pack(tensor, "Q8_0" if tensor.ndim == 2 and "q_proj" not in key else "F16")
        references[key] = packed.reference()
        heads = {"q": config.heads, "k": config.key_value_heads}.get(key.split("self_attn.")[-1].split("_proj")[0])
        if architecture != "qwen3" and heads:
            rows = packed.data.reshape(heads, 2, config.head_dim // 2, -1)  # the converter's `permute`
            packed = replace(packed, data=rows.swapaxes(1, 2).reshape(packed.data.shape).copy())
        tensors[theirs] = packed
    return tensors, references


def head_counts(config: TextEncoderConfig, architecture: str) -> dict[str, int]:
    """Return the metadata that says how rows make heads."""
    stem = f"{architecture}.attention."
    return {f"{stem}head_count": config.heads, f"{stem}head_count_kv": config.key_value_heads}


@pytest.mark.parametrize(
    ("name", "architecture"), [("klein-4b", "qwen3"), ("dev", "llama"), ("dev", "mistral3"), ("dev", "qwen3")]
)
def test_language_models_of_llama_cpp(name: str, architecture: str, tmp_path: Path) -> None:
    """Names become transformers', and interleaved rows their order: packed or not, the weights are the reference's.

    The control: rows of queries and keys that are interleaved, in a file that says they are not, come out wrong.
    """
    config = text_config(name)
    honest = name == "klein-4b" or architecture != "qwen3"
    written_as = architecture if honest else "mistral3"
    tensors, references = llama_cpp_tensors(config, written_as)
    counts = head_counts(config, architecture)
    path = write_gguf(tmp_path / "encoder.gguf", tensors, architecture, counts | {"tokenizer.ggml.tokens": ["a", "b"]})
    source = open_weights(path)
    stated = json.loads(language_model(config).config.to_json_string())
    found = identify(source, stated)
    assert (found.kind, found.layout, found.prefix) == ("text_encoder", "transformers", "model.")
    wrong = {key for key, tensor in references.items() if not same_bits(source.tensor(f"model.{key}").float(), tensor)}
    if honest:
        assert not wrong
    else:
        projections = {"self_attn.q_proj.weight", "self_attn.k_proj.weight"}
        assert wrong == {f"layers.{index}.{part}" for index in range(config.layers) for part in projections}


def test_an_encoder_loads_into_its_module(tmp_path: Path) -> None:
    """The decoder of transformers takes the weights whole, embeddings included."""
    config = text_config("klein-4b")
    tensors, references = llama_cpp_tensors(config, "qwen3")
    source = open_weights(write_gguf(tmp_path / "encoder.gguf", tensors, "qwen3", head_counts(config, "qwen3")))
    model = language_model(config)
    found = identify(source, json.loads(model.config.to_json_string()))
    with torch.device("meta"):
        module = type(model.model)(model.config)
    load_weights(module, source, found, CPU, torch.float32)
    assert all(same_bits(tensor, references[key]) for key, tensor in module.state_dict().items())


def test_language_models_of_unknown_order_are_refused(tmp_path: Path) -> None:
    """Another architecture is refused by name with the remedy, and so are rows that do not make the heads."""
    tensors = {"blk.0.attn_q.weight": pack(values(64, 32), "Q8_0"), "token_embd.weight": pack(values(8, 32), "F16")}
    for architecture in ("cow", ""):
        path = write_gguf(tmp_path / "encoder.gguf", tensors, architecture)
        called = architecture or "none"
        with pytest.raises(UnknownLayoutError, match=f"the architecture '{called}'.*wrote as qwen3, llama, mistral3"):
            open_weights(path)
    for metadata in ({}, {"llama.attention.head_count": 0}, {"llama.attention.head_count": 5}):
        path = write_gguf(tmp_path / "encoder.gguf", tensors, "llama", metadata)
        with pytest.raises(WeightsError, match=r"attn_q\.weight has 64 rows, which are not the heads"):
            open_weights(path)
