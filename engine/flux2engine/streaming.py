"""A model whose blocks wait on the host → the same model, each block's weights brought to the device as it is reached.

The numbers are those of the resident model, bit for bit: the same kernels multiply the same weights. Knows lists of
blocks by name, no architecture. What is in no block, and what is no matrix, stays on the device.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, overload

import torch
from torch import Tensor, nn

from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.identify import Identified
from flux2engine.weights.loading import (
    Place,
    assign,
    fill,
    not_finite,
    packed_layer,
    placed,
    places,
    stays_packed,
    wanted_dtype,
)
from flux2engine.weights.packed_linear import PackedLinear
from flux2engine.weights.safetensors_file import is_finite

# Where a tensor may start in a buffer: kernels of CPUs and of CUDA are as fast there as on memory of its own.
_ALIGNMENT = 256

Weight = Tensor | PackedLinear
Fields = TypeVar("Fields")


@dataclass(frozen=True)
class Streaming:
    """Say how blocks are streamed: how many stay once they came, and where the others wait: pinned memory or a file.

    A device reads pinned memory at full speed while it computes; a file is mapped and read anew each time.
    """

    kept: int = 0
    pinned: bool = False


class HostBlocks(Protocol):
    """Hold blocks' matrices on the host, in the order in which a pass needs them."""

    def read(self, block: int) -> Iterator[tuple[str, Weight]]:
        """Yield a block's weights by their names within it, dense ones in the dtype that computes."""
        ...

    def dense_bytes(self, block: int) -> int:
        """Return how large a buffer a block's dense weights need."""
        ...


class FileBlocks:
    """Read blocks from a checkpoint each time; no more of it is in memory than what is being read."""

    def __init__(
        self,
        module: nn.Module,
        checkpoint: WeightSource,
        blocks: Sequence[Mapping[str, Place]],
        dtype: torch.dtype | None,
        keep_packed: bool,
    ) -> None:
        """Take each block's places by their names within it; `module` says which are linear layers."""
        self._checkpoint = checkpoint
        self._dtype = dtype
        self._blocks = [
            {name: (place, keep_packed and stays_packed(module, checkpoint, place)) for name, place in block.items()}
            for block in blocks
        ]
        self._checked: set[int] = set()

    def read(self, block: int) -> Iterator[tuple[str, Weight]]:
        """Yield a block's weights; WeightsError, the first time, for values that are not finite."""
        cpu = torch.device("cpu")
        for name, (place, packed) in self._blocks[block].items():
            wanted = wanted_dtype(place, self._checkpoint, self._dtype)
            if packed:
                weight: Weight = packed_layer(self._checkpoint, place, cpu)
            else:
                weight = placed(self._checkpoint, place, cpu, wanted)
            if block not in self._checked and not _finite(weight, wanted):
                raise not_finite(self._checkpoint, place, wanted)
            yield name, weight
        self._checked.add(block)

    def dense_bytes(self, block: int) -> int:
        """Count from shapes; nothing is read."""
        return sum(
            _aligned(math.prod(place.tensor.shape) * wanted_dtype(place, self._checkpoint, self._dtype).itemsize)
            for place, packed in self._blocks[block].values()
            if not packed
        )


class HeldBlocks:
    """Hold blocks in host memory, pinned where there is a device to read it."""

    def __init__(self, source: HostBlocks, count: int) -> None:
        """Read all blocks once; their values are copied."""
        self._blocks = [{name: _held(weight) for name, weight in source.read(block)} for block in range(count)]

    def read(self, block: int) -> Iterator[tuple[str, Weight]]:
        """Yield what is held."""
        yield from self._blocks[block].items()

    def dense_bytes(self, block: int) -> int:
        """Count what is held."""
        return sum(_aligned(weight.nbytes) for weight in self._blocks[block].values() if isinstance(weight, Tensor))


class BlockStream:
    """Bring blocks to the device in the order of a pass, again and again.

    Where the device has streams, there are two places: while one block computes, the next is copied into the other on
    a stream of its own. Elsewhere nothing could run beside, and there is one. A block that is still there when it is
    asked for, as the first is when a pass ended by fetching it, is not moved again.
    """

    def __init__(self, blocks: Sequence[nn.Module], host: HostBlocks, device: torch.device, kept: int = 0) -> None:
        self.device = device
        self.bytes_moved = 0
        self._blocks = tuple(blocks)
        self._host = host
        self._kept = min(kept, len(self._blocks))
        self._matrices = [_matrices(block) for block in self._blocks]
        self._copies = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        largest = max((host.dense_bytes(index) for index in range(self._kept, len(self._blocks))), default=0)
        self._places = [_Place(largest, device) for _ in range(1 if self._copies is None else 2)]
        self._turn = 0
        self._there: dict[int, _Place] = {}

    def bring(self, index: int) -> None:
        """See to it that a block's weights are on the device when what is enqueued next reads them."""
        if index not in self._there:
            self._load(index)
        self._there[index].await_copies()

    def left(self, index: int) -> None:
        """Say that all that reads a block is enqueued; the next one is fetched beside it."""
        if self._copies is None or index not in self._there:
            return
        self._there[index].note_reads()
        following = (index + 1) % len(self._blocks)
        if following not in self._there:
            self._load(following)

    def _load(self, index: int) -> None:
        if index < self._kept:
            place = _Place(self._host.dense_bytes(index), self.device)
        else:
            place, self._turn = self._places[self._turn], (self._turn + 1) % len(self._places)
            for gone in [other for other, where in self._there.items() if where is place]:
                del self._there[gone]
                for matrix in self._matrices[gone].values():
                    matrix.take_away()
        with place.copying(self._copies):
            for name, weight in self._host.read(index):
                self._matrices[index][name].put(place.copied(weight))
                self.bytes_moved += weight.nbytes
        self._there[index] = place


class StreamedBlocks(nn.ModuleList):
    """Hand out each block with its weights on the device; only until the next one is asked for."""

    def __init__(self, blocks: Sequence[nn.Module], stream: BlockStream, first: int) -> None:
        """Take blocks that are the stream's from its `first` on."""
        super().__init__(blocks)
        self.stream = stream
        self._first = first

    def __iter__(self) -> Iterator[nn.Module]:
        for index, block in enumerate(super().__iter__(), start=self._first):
            self.stream.bring(index)
            yield block
            self.stream.left(index)

    @overload
    def __getitem__(self, index: slice) -> nn.ModuleList: ...

    @overload
    def __getitem__(self, index: int) -> nn.Module: ...

    def __getitem__(self, index: slice | int) -> nn.Module:
        """Return one block as it is, or all of them as they are streamed; language models ask for `[:layers]`."""
        if isinstance(index, int):
            return super().__getitem__(index)
        if index.indices(len(self)) != (0, len(self), 1):
            raise IndexError("streamed blocks are run all together, or not at all")
        return self


def load_streamed(
    module: nn.Module,
    lists: Sequence[str],
    checkpoint: WeightSource,
    found: Identified,
    device: torch.device,
    dtype: torch.dtype | None,
    streaming: Streaming,
    keep_packed: bool = False,
) -> tuple[BlockStream, int]:
    """Fill a module, built on the meta device, except for the matrices of the blocks in `lists`, which are streamed.

    `lists` names ModuleLists in the order in which they run. Return the stream and the bytes placed at once.
    WeightsError as `load_weights`; for the values of blocks when they come the first time.
    """
    starts: dict[str, int] = {}
    blocks: list[nn.Module] = []
    for name in lists:
        starts[name] = len(blocks)
        blocks += module.get_submodule(name).children()
    streamed: list[dict[str, Place]] = [{} for _ in blocks]
    moved = 0
    for place in places(module, checkpoint, found):
        spot = _spot(place, starts)
        if spot is None:
            moved += fill(module, checkpoint, place, device, dtype, keep_packed)
        else:
            streamed[spot[0]][spot[1]] = place
    host: HostBlocks = FileBlocks(module, checkpoint, streamed, dtype, keep_packed)
    if streaming.pinned:
        host = HeldBlocks(host, len(blocks))
    return install_stream(module, lists, BlockStream(blocks, host, device, streaming.kept)), moved


def install_stream(module: nn.Module, lists: Sequence[str], stream: BlockStream) -> BlockStream:
    """Let a module's lists of blocks hand out what a stream brings; return the stream."""
    first = 0
    for name in lists:
        blocks = list(module.get_submodule(name).children())
        assign(module, name, StreamedBlocks(blocks, stream, first))
        first += len(blocks)
    return stream


def stream_of(module: object) -> BlockStream | None:
    """Return the stream that brings a module's blocks; None where all of it is resident."""
    inner = module if isinstance(module, nn.Module) else getattr(module, "model", None)  # an encoder around a model
    if not isinstance(inner, nn.Module):
        return None
    return next((child.stream for child in inner.modules() if isinstance(child, StreamedBlocks)), None)


class ModuleBlocks:
    """Hold the matrices of blocks that were loaded on the host."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        self._blocks = [
            {name: tensor.detach() for name, tensor in block.named_parameters() if tensor.ndim > 1} for block in blocks
        ]

    def read(self, block: int) -> Iterator[tuple[str, Weight]]:
        """Yield what is held."""
        yield from self._blocks[block].items()

    def dense_bytes(self, block: int) -> int:
        """Count what is held."""
        return sum(_aligned(tensor.nbytes) for tensor in self._blocks[block].values())


def stream_module(module: nn.Module, lists: Sequence[str], device: torch.device, streaming: Streaming) -> BlockStream:
    """Stream the blocks of a module that was loaded on the CPU, and bring the rest of it to the device."""
    blocks = [block for name in lists for block in module.get_submodule(name).children()]
    host: HostBlocks = ModuleBlocks(blocks)
    if streaming.pinned:
        host = HeldBlocks(host, len(blocks))
    stream = BlockStream(blocks, host, device, streaming.kept)
    module.to(device)
    return install_stream(module, lists, stream)


@dataclass(frozen=True)
class _Matrix:
    """Name one matrix of a block, by the layer that owns it."""

    block: nn.Module
    path: str
    owner: nn.Module
    leaf: str
    nothing: nn.Parameter  # empty: to compute with it fails

    def put(self, weight: nn.Parameter | PackedLinear) -> None:
        """Let the layer have a weight, or give way to a packed layer."""
        if isinstance(weight, PackedLinear):
            assign(self.block, self.path, weight)
        else:
            setattr(self.owner, self.leaf, weight)

    def take_away(self) -> None:
        """Let the layer stand there without weight."""
        setattr(self.owner, self.leaf, self.nothing)
        if self.path:
            assign(self.block, self.path, self.owner)


class _Place:
    """Hold one block's weights on the device."""

    def __init__(self, nbytes: int, device: torch.device) -> None:
        self._device = device
        self._buffer = torch.empty(nbytes, dtype=torch.uint8, device=device)
        self._used = 0
        self._copied: torch.cuda.Event | None = None
        self._read: torch.cuda.Event | None = None
        self._copies: torch.cuda.Stream | None = None

    def copying(self, copies: torch.cuda.Stream | None) -> Any:
        """Return what has to surround the copies into this place: they wait for whatever still reads it."""
        self._used, self._copied, self._copies = 0, None, copies
        if copies is not None and self._read is not None:
            copies.wait_event(self._read)
        elif copies is not None:  # the memory may have been something else's a moment ago
            copies.wait_stream(torch.cuda.current_stream(self._device))
        return nullcontext() if copies is None else torch.cuda.stream(copies)

    def copied(self, weight: Weight) -> nn.Parameter | PackedLinear:
        """Copy one weight here: dense ones into the buffer, packed ones as their format does it."""
        if isinstance(weight, PackedLinear):
            return PackedLinear([part.to(self._device) for part in weight.parts], self._device)
        room = self._buffer[self._used : self._used + weight.nbytes]
        self._used += _aligned(weight.nbytes)
        target = room.view(weight.dtype).view(weight.shape)
        target.copy_(weight, non_blocking=True)
        return nn.Parameter(target, requires_grad=False)

    def await_copies(self) -> None:
        """Let what is enqueued next on the stream that computes wait for the copies."""
        if self._copies is not None:
            if self._copied is None:
                self._copied = self._copies.record_event()
            torch.cuda.current_stream(self._device).wait_event(self._copied)

    def note_reads(self) -> None:
        """Remember that all that reads this place is enqueued."""
        self._read = torch.cuda.current_stream(self._device).record_event()


def _spot(place: Place, starts: Mapping[str, int]) -> tuple[int, str] | None:
    """Return which block a matrix belongs to and its name there; None for what stays."""
    if place.tensor.ndim < 2 or len(place.names) > 1:
        return None
    for name, start in starts.items():
        if place.names[0].startswith(f"{name}."):
            index, _, within = place.names[0].removeprefix(f"{name}.").partition(".")
            return start + int(index), within
    return None


def _matrices(block: nn.Module) -> dict[str, _Matrix]:
    """Return what owns each matrix of a block, and take the matrices away."""
    found: dict[str, _Matrix] = {}
    for name, parameter in list(block.named_parameters()):
        if parameter.ndim > 1:
            path, _, leaf = name.rpartition(".")
            nothing = nn.Parameter(parameter.new_empty(0), requires_grad=False)
            found[name] = _Matrix(block, path, block.get_submodule(path), leaf, nothing)
            found[name].take_away()
    return found


def _finite(weight: Weight, dtype: torch.dtype) -> bool:
    if isinstance(weight, Tensor):
        return is_finite(weight)
    return all(is_finite(part.dequantised(dtype)) for part in weight.parts)


def _aligned(nbytes: int) -> int:
    return -(-nbytes // _ALIGNMENT) * _ALIGNMENT


def _held(weight: Weight) -> Weight:
    """Return a weight in memory of its own, pinned where CUDA is there to read it."""
    if isinstance(weight, PackedLinear):
        return PackedLinear([_held_fields(part) for part in weight.parts], torch.device("cpu"))
    return weight.pin_memory() if torch.cuda.is_available() else weight.clone()


def _held_fields(packed: Fields) -> Fields:
    """Do the same for every tensor of a packed weight: the formats' are frozen dataclasses of tensors."""
    if not dataclasses.is_dataclass(packed) or isinstance(packed, type):
        return packed
    own: dict[str, Any] = {}
    for field in dataclasses.fields(packed):
        value = getattr(packed, field.name)
        own[field.name] = _held(value) if isinstance(value, Tensor) else _held_fields(value)
    return dataclasses.replace(packed, **own)
