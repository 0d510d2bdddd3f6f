"""Small transformers → files of fp8 and NVFP4 as real producers write them, and what those files stand for.

The arithmetic is written from the published formats with tables of numbers in numpy, apart from the code under test:
E4M3 and E5M2 as OCP's "8-bit floating point specification" has them, E2M1 as its "microscaling formats" has it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from flux2engine.transformer import Flux2Transformer
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.formats import open_weights
from flux2engine.weights.identify import identify
from flux2engine.weights.loading import load_weights
from flux2engine.weights.packed import UnpackedSource
from tests.engine import checkpoints
from tests.engine.parity.peer import transformer_inputs

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
State = dict[str, Tensor]

CPU = torch.device("cpu")


def _number(code: int, exponent_bits: int, mantissa_bits: int) -> float:
    bias = 2 ** (exponent_bits - 1) - 1
    mantissa = code % 2**mantissa_bits
    exponent = code // 2**mantissa_bits % 2**exponent_bits
    sign = -1.0 if code >> (exponent_bits + mantissa_bits) else 1.0
    if exponent == 0:
        return sign * mantissa / 2**mantissa_bits * 2.0 ** (1 - bias)
    return sign * (1 + mantissa / 2**mantissa_bits) * 2.0 ** (exponent - bias)


def _table(exponent_bits: int, mantissa_bits: int, special: Mapping[int, float]) -> Floats:
    count = 2 ** (1 + exponent_bits + mantissa_bits)
    values = [_number(code, exponent_bits, mantissa_bits) for code in range(count)]
    for code, value in special.items():
        values[code], values[code + count // 2] = value, -value
    return np.array(values, dtype=np.float32)


NAN = float("nan")
E4M3 = _table(4, 3, {0x7F: NAN})  # no infinity: all but one code of the highest exponent are numbers
E5M2 = _table(5, 2, {0x7C: float("inf"), 0x7D: NAN, 0x7E: NAN, 0x7F: NAN})
E2M1 = _table(2, 1, {})
TABLES: Mapping[torch.dtype, Floats] = {torch.float8_e4m3fn: E4M3, torch.float8_e5m2: E5M2}


def nearest(values: Floats, table: Floats) -> Bytes:
    """Return the code of the nearest number in the table, the largest beyond it; of a tie, the even code."""
    positive = table[: len(table) // 2]
    finite = positive[np.isfinite(positive)]
    middles = (finite[1:] + finite[:-1]) / 2
    below, above = (np.searchsorted(middles, np.abs(values), side) for side in ("left", "right"))
    codes = np.where(below % 2 == 0, below, above)
    return np.where(np.signbit(values), codes + len(table) // 2, codes).astype(np.uint8)


@dataclass(frozen=True)
class Packed:
    """Hold the tensors of one packed weight, by their endings, and the fp32 weight that they stand for."""

    tensors: Mapping[str, Tensor]
    stands_for: Tensor


def fp8(weight: Tensor, dtype: torch.dtype = torch.float8_e4m3fn, *, scaled: bool = True) -> Packed:
    """Pack in 8 bits: code · scale, the scale as large as uses all of the range."""
    table, values = TABLES[dtype], weight.float().numpy()
    finite = table[np.isfinite(table)]
    scale = np.float32(np.abs(values).max() / finite.max() if scaled else 1.0)
    codes = nearest(values / scale, table)
    tensors = {".weight": torch.from_numpy(codes).view(dtype)}
    if scaled:
        tensors |= {".weight_scale": torch.tensor(scale), ".input_scale": torch.tensor(0.01 + 0.001 * int(codes[0, 0]))}
    return Packed(tensors, torch.from_numpy(table[codes] * scale))


def nvfp4(weight: Tensor, layout: str, *, high_first: bool = True, input_scale: bool = True) -> Packed:
    """Pack in 4 bits: code · (scale · block scale), the block scale for every 16 columns."""
    values = weight.float().numpy()
    rows, columns = values.shape
    groups = values.reshape(rows, columns // 16, 16)
    scale = np.float32(np.abs(values).max() / (448 * 6))
    block_codes = nearest(np.abs(groups).max(-1) / np.float32(6) / scale, E4M3)
    total = scale * E4M3[block_codes]
    codes = nearest(groups / np.where(total == 0, np.float32(1), total)[..., None], E2M1).reshape(rows, columns)
    even, odd = codes[:, ::2], codes[:, 1::2]
    tensors = {
        ".weight": torch.from_numpy((even << 4 | odd) if high_first else (odd << 4 | even)),
        ".weight_scale": torch.from_numpy(swizzled(block_codes) if layout == "swizzled" else block_codes).view(
            torch.float8_e4m3fn
        ),
        ".weight_scale_2": torch.tensor(scale),
    }
    if input_scale:
        tensors[".input_scale"] = torch.tensor(0.02 + 0.001 * int(codes[0, 0]))
    stands_for = E2M1[codes].reshape(rows, -1, 16) * total[..., None]
    return Packed(tensors, torch.from_numpy(stands_for.reshape(rows, columns)))


def swizzled(scales: Bytes) -> Bytes:
    """Return scales in the order of cuBLAS's 1-D block scaling: tiles of 128 rows × 4, zeros where there are none."""
    rows, columns = -(-scales.shape[0] // 128) * 128, -(-scales.shape[1] // 4) * 4
    flat = np.zeros(rows * columns, dtype=np.uint8)
    for row in range(scales.shape[0]):
        for column in range(scales.shape[1]):
            tile = row // 128 * (columns // 4) + column // 4
            flat[tile * 512 + row % 32 * 16 + row % 128 // 32 * 4 + column % 4] = scales[row, column]
    return flat.reshape(rows, columns)


# --- files -------------------------------------------------------------------------------------------------------


@dataclass
class File:
    """Hold what stands in a packed file, to be changed before it is written, and what it stands for."""

    tensors: State
    plain: State  # the same file unpacked, fp32
    packed: dict[str, Packed]  # by layer
    metadata: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        """Write the packed file."""
        save_file(self.tensors, path, metadata=self.metadata or None)
        return path

    def write_plain(self, path: Path) -> Path:
        """Write what the file stands for, without anything of the code under test."""
        save_file(self.plain, path)
        return path


@cache
def bf16_state(name: str, layout: str, prefix: str, folder: Path) -> State:
    """Return a small transformer's bf16 tensors under the names of a layout."""
    if layout == "official":
        return checkpoints.official_state(name, prefix=prefix, dtype=torch.bfloat16)
    written = checkpoints.write_diffusers_transformer(folder / f"diffusers-{name}", name, dtype=torch.bfloat16)
    return load_file(written / "diffusion_pytorch_model.safetensors")


def packed_file(state: State, pack: Callable[[str, Tensor], Packed | None]) -> File:
    """Pack the linear weights of the blocks, as published files do; the rest stays bf16. `pack` may leave one out."""
    file = File({}, {}, {})
    for key, tensor in state.items():
        layer = key.removesuffix(".weight")
        packed = pack(layer, tensor) if tensor.ndim == 2 and "_blocks." in key else None
        if packed is None:
            file.tensors[key], file.plain[key] = tensor, tensor.float()
            continue
        file.packed[layer] = packed
        file.tensors |= {layer + ending: part for ending, part in packed.tensors.items()}
        file.plain[key] = packed.stands_for
    return file


def declare_in_header(file: File, formats: Mapping[str, str] | str) -> File:
    """Give the file the header entry that BFL's files have."""
    layers = {
        layer: {"format": formats if isinstance(formats, str) else formats[layer]} for layer in sorted(file.packed)
    }
    file.metadata["_quantization_metadata"] = json.dumps({"format_version": "1.0", "layers": layers})
    return file


def declaration(**values: Any) -> Tensor:
    """Return the tensor that `X.comfy_quant` is: the bytes of JSON."""
    return torch.tensor(list(json.dumps(values).encode()), dtype=torch.uint8)


# --- reading -----------------------------------------------------------------------------------------------------


def loaded(path: Path, dtype: torch.dtype | None = torch.float32) -> Flux2Transformer:
    """Open, identify and load, as the engine does."""
    return loaded_source(open_weights(path), dtype)


def loaded_source(source: WeightSource, dtype: torch.dtype | None = torch.float32) -> Flux2Transformer:
    """Identify and load an open source."""
    found = identify(source)
    with torch.device("meta"):
        module = Flux2Transformer(found.shape)  # type: ignore[arg-type]
    load_weights(module, source, found, CPU, dtype)
    return module


def velocity(module: Flux2Transformer) -> Tensor:
    """Return what a transformer answers to fixed inputs, its weights copied to memory of torch's own.

    A mapped file's weights stand where the file has them, and kernels sum in another order at another alignment.
    """
    config = module.config
    module = copy.deepcopy(module)
    inputs = transformer_inputs(guidance=config.guidance_embedding, context=config.context_dim)
    with torch.no_grad():
        answer: Tensor = module(**vars(inputs))
    return answer


def assert_reads_as_its_formula(file: File, folder: Path) -> WeightSource:
    """Assert that every tensor and the velocity are bit for bit those of the file that the reference unpacked."""
    source = open_weights(file.write(folder / "packed.safetensors"))
    assert set(source.forms) == set(file.plain)
    assert set(source.packed) == {f"{layer}.weight" for layer in file.packed}
    for name, wanted in file.plain.items():
        read = source.tensor(name)
        assert read.shape == wanted.shape, name
        assert torch.equal(read.float(), wanted), name
    ours, theirs = loaded_source(source), loaded(file.write_plain(folder / "plain.safetensors"))
    assert all(torch.equal(one, other) for one, other in zip(ours.parameters(), theirs.parameters(), strict=True))
    answer = velocity(ours)
    assert torch.equal(answer, velocity(theirs))
    assert bool(answer.isfinite().all())
    assert float(answer.std()) > 0.05  # not the answer of dead weights
    return source


def swap(file: File, first: str, second: str) -> None:
    """Exchange two tensors of a file."""
    file.tensors[first], file.tensors[second] = file.tensors[second], file.tensors[first]


def opened(file: File, folder: Path) -> UnpackedSource:
    """Write and open a file that has to be a packed one."""
    source = open_weights(file.write(folder / "packed.safetensors"))
    assert isinstance(source, UnpackedSource)
    return source
