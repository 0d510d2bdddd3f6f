"""Streamed blocks compute what resident ones do, bit for bit, and every byte that moves is counted."""

from __future__ import annotations

import contextlib
import gc
import json
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from flux2engine import streaming
from flux2engine.errors import WeightsError
from flux2engine.language_model import build_language_model, restore_rotations
from flux2engine.streaming import BlockStream, HeldBlocks, Streaming, load_streamed, stream_module
from flux2engine.transformer import Flux2Transformer
from flux2engine.weights.checkpoint import Checkpoint, WeightSource, open_checkpoint
from flux2engine.weights.identify import identify
from flux2engine.weights.loading import load_weights
from flux2engine.weights.packed_linear import PackedLinear
from tests.engine import checkpoints
from tests.engine.language_model_files import write_language_model
from tests.engine.weights.packed_rows import open_packed, write_packed
from tests.engine.weights.test_packed_linear import in_blocks, velocity

CPU = torch.device("cpu")
LISTS = ("double_blocks", "single_blocks")
FROM_FILE = Streaming()
VARIANT = "klein-9b"  # its sibling has two double and three single blocks


def official(folder: Path, dtype: torch.dtype) -> WeightSource:
    """Return an official file."""
    return open_checkpoint(checkpoints.write_official(folder, VARIANT, dtype=dtype))


def fused(folder: Path, dtype: torch.dtype) -> WeightSource:
    """Return a diffusers folder: q, k and v in three."""
    return open_checkpoint(checkpoints.write_diffusers_transformer(folder / "diffusers", VARIANT, dtype=dtype))


def packed(folder: Path, dtype: torch.dtype) -> WeightSource:
    """Return a file whose blocks are packed."""
    state = checkpoints.official_state(VARIANT, dtype=dtype)
    return open_packed(write_packed(folder / "packed.safetensors", state, in_blocks))


def resident(source: WeightSource, dtype: torch.dtype) -> Flux2Transformer:
    """Load everything."""
    found = identify(source)
    with torch.device("meta"):
        module = Flux2Transformer(found.shape)  # type: ignore[arg-type]
    load_weights(module, source, found, CPU, dtype)
    return module.eval()


def streamed(
    source: WeightSource, dtype: torch.dtype, how: Streaming = FROM_FILE, keep_packed: bool = False
) -> tuple[Flux2Transformer, BlockStream, int]:
    """Load what stays, and stream the rest."""
    found = identify(source)
    with torch.device("meta"):
        module = Flux2Transformer(found.shape)  # type: ignore[arg-type]
    stream, moved = load_streamed(module, LISTS, source, found, CPU, dtype, how, keep_packed)
    return module.eval(), stream, moved


@pytest.mark.parametrize("write", [official, fused, packed])
@pytest.mark.parametrize(("stored", "dtype"), [(torch.float32, torch.float32), (torch.bfloat16, torch.float32)])
@pytest.mark.parametrize("how", [Streaming(), Streaming(kept=2), Streaming(pinned=True), Streaming(kept=99)])
def test_streamed_is_resident_bit_for_bit(
    tmp_path: Path, write: type, stored: torch.dtype, dtype: torch.dtype, how: Streaming
) -> None:
    """From a file or from memory, some blocks kept or none, in every step; the control: one block's bit differs."""
    source = write(tmp_path, stored)
    expected = velocity(resident(source, dtype), dtype)
    module, stream, _ = streamed(source, dtype, how)
    assert torch.equal(velocity(module, dtype), expected)
    assert torch.equal(velocity(module, dtype), expected)  # places are used again
    original = stream._host.read

    def tampered(block: int) -> Iterator[tuple[str, Tensor | PackedLinear]]:
        for name, weight in original(block):
            yield name, weight * 1.01 if block == 4 and name == "linear2.weight" else weight  # type: ignore[operator]

    stream._host.read = tampered  # type: ignore[method-assign]
    if how.kept < 5:
        assert not torch.equal(velocity(module, dtype), expected)


def test_packed_blocks_stay_packed_while_they_are_streamed(tmp_path: Path) -> None:
    """The same numbers, and a third of the bytes; a block without weights shows none of another's."""
    source = packed(tmp_path, torch.float32)
    expected = velocity(resident(source, torch.float32), torch.float32)
    moved = []
    for how in (Streaming(), Streaming(pinned=True)):
        module, stream, _ = streamed(source, torch.float32, how, keep_packed=True)
        assert torch.equal(velocity(module, torch.float32), expected)
        assert torch.equal(velocity(module, torch.float32), expected)
        assert isinstance(module.single_blocks[2].linear1, PackedLinear)
        assert isinstance(module.single_blocks[0].linear1, torch.nn.Linear)
        moved.append(stream.bytes_moved)
    module, stream, _ = streamed(source, torch.float32)
    velocity(module, torch.float32)
    assert moved[0] == moved[1]
    assert moved[0] / 2 < 0.3 * stream.bytes_moved


def test_every_step_moves_the_blocks_that_are_not_kept(tmp_path: Path) -> None:
    """To the byte; kept ones once."""
    source = official(tmp_path, torch.float32)
    whole = resident(source, torch.float32)
    blocks = [block for name in LISTS for block in whole.get_submodule(name).children()]
    sizes = [sum(part.nbytes for part in block.parameters() if part.ndim > 1) for block in blocks]
    total = sum(part.nbytes for part in whole.parameters())
    for kept in (0, 2):
        module, stream, moved = streamed(source, torch.float32, Streaming(kept=kept))
        assert moved == total - sum(sizes)
        assert stream.bytes_moved == 0
        for step in (1, 2, 3):
            velocity(module, torch.float32)
            assert stream.bytes_moved == sum(sizes[:kept]) + step * sum(sizes[kept:])


def test_no_more_than_one_block_is_there(tmp_path: Path) -> None:
    """Beside the kept ones; a block that has left cannot be computed with."""
    module, stream, _ = streamed(official(tmp_path, torch.float32), torch.float32, Streaming(kept=1))
    velocity(module, torch.float32)
    there = [index for index, block in enumerate(stream._blocks) if all(part.numel() for part in block.parameters())]
    assert there == [0, 4]
    gone = module.single_blocks[0]
    with pytest.raises(RuntimeError):
        gone.linear1(torch.zeros(1, gone.linear1.in_features))


def test_keys_and_values_of_references_come_through_the_same_stream(tmp_path: Path) -> None:
    """As resident, all blocks."""
    source = official(tmp_path, torch.float32)
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randn(1, 5, 128, generator=generator)
    ids = torch.arange(20).reshape(1, 5, 4)
    with torch.no_grad():
        expected = resident(source, torch.float32).reference_key_values(tokens, ids)
        made = streamed(source, torch.float32)[0].reference_key_values(tokens, ids)
    for ours, theirs in zip((*made.double, *made.single), (*expected.double, *expected.single), strict=True):
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])


def test_a_module_on_the_host_is_streamed_too() -> None:
    """As nano's folder is loaded: the same numbers, the same module."""
    module = checkpoints.small_transformer(VARIANT)
    expected = velocity(module, torch.float32)
    copied = Flux2Transformer(module.config).eval().requires_grad_(False)
    copied.load_state_dict(module.state_dict())
    stream = stream_module(copied, LISTS, CPU, Streaming(kept=1))
    assert torch.equal(velocity(copied, torch.float32), expected)
    assert (copied.device, copied.dtype) == (CPU, torch.float32)
    assert stream.bytes_moved > 0


def test_a_language_model_is_streamed_layer_by_layer(tmp_path: Path) -> None:
    """Its states are the resident one's; half of its layers alone are not run."""
    config = checkpoints.sibling("klein-4b").text_encoder
    write_language_model(tmp_path / "folder", config)
    source = open_checkpoint(tmp_path / "folder")
    found = identify(source, json.loads((tmp_path / "folder" / "config.json").read_text(encoding="utf-8")))
    tokens = torch.arange(12).reshape(1, 12)
    states = []
    for how in (None, Streaming()):
        model = build_language_model(config, layers=max(config.taps))
        if how is None:
            load_weights(model, source, found, CPU, torch.float32)
        else:
            stream, _ = load_streamed(model, ("layers",), source, found, CPU, torch.float32, how)
        restore_rotations(model, CPU)
        with torch.no_grad():
            states.append(model(input_ids=tokens, output_hidden_states=True).hidden_states)
    assert len(states[0]) == len(states[1])
    for ours, theirs in zip(*states, strict=True):
        assert torch.equal(ours, theirs)
    assert stream.bytes_moved > 0
    with pytest.raises(IndexError, match="all together"):
        model.layers[:3]


def test_values_that_are_not_finite_are_refused_when_they_come(tmp_path: Path) -> None:
    """By name, the first time."""
    state = checkpoints.official_state(VARIANT)
    state["single_blocks.1.linear1.weight"] = state["single_blocks.1.linear1.weight"].clone()
    state["single_blocks.1.linear1.weight"][3, 3] = float("nan")
    save_file(state, tmp_path / "bad.safetensors")
    module, _, _ = streamed(open_checkpoint(tmp_path / "bad.safetensors"), torch.float32)
    with pytest.raises(WeightsError, match=r"not finite[\s\S]*single_blocks\.1\.linear1\.weight"):
        velocity(module, torch.float32)


# --- with a device that copies beside computing ------------------------------------------------------------------


class Order:
    """Stand in for CUDA's streams and events, and write down what waits for what."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.current = "compute"
        self.events = 0

    def stream(self, name: str) -> FakeStream:
        return FakeStream(self, name)


class FakeStream:
    """Record events and waits on one stream."""

    def __init__(self, order: Order, name: str) -> None:
        self.order, self.name = order, name

    def wait_event(self, event: str) -> None:
        self.order.log.append(f"{self.name} waits for {event}")

    def wait_stream(self, other: FakeStream) -> None:
        self.order.log.append(f"{self.name} waits for all of {other.name}")

    def record_event(self) -> str:
        self.order.events += 1
        event = f"event {self.order.events} of {self.name}"
        self.order.log.append(event)
        return event


def test_the_next_block_is_copied_while_one_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a stream of its own, into the other place, after what read that place last, and no earlier than enqueued.

    The streams are stand-ins that write down their order: no CUDA here. The control: with one place and no stream,
    nothing is fetched ahead.
    """
    order = Order()
    compute, copies = order.stream("compute"), order.stream("copies")
    module, stream, _ = streamed(official(tmp_path, torch.float32), torch.float32)
    count, alone = len(stream._blocks), stream.bytes_moved
    stream._copies = copies  # type: ignore[assignment]
    stream._places = [stream._places[0], streaming._Place(stream._host.dense_bytes(0), CPU)]
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: compute)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
    loads: list[int] = []
    load = BlockStream._load

    def watched(self: BlockStream, index: int) -> None:
        loads.append(index)
        order.log.append(f"load {index}")
        load(self, index)

    monkeypatch.setattr(BlockStream, "_load", watched)
    first = velocity(module, torch.float32)
    assert loads == [*range(count), 0]  # the first block is there for the next step
    velocity(module, torch.float32)
    assert loads == [*range(count), 0, *range(1, count), 0]
    assert torch.equal(first, velocity(resident(official(tmp_path, torch.float32), torch.float32), torch.float32))
    # Block 2 goes into block 0's place: after block 1 is enqueued, waiting for what read block 0 (not block 1).
    after = order.log.index("load 2")
    reads = [line for line in order.log[:after] if line.startswith("event") and line.endswith("of compute")]
    assert len(reads) == 2
    assert order.log[after + 1] == f"copies waits for {reads[0]}"
    assert alone == 0


def test_what_is_held_in_memory_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tensor of the file is asked for in a step; the control: streamed from the file, all of the blocks' are."""
    source = official(tmp_path, torch.float32)
    asked: list[str] = []
    read = Checkpoint.tensor

    def watched(self: Checkpoint, name: str) -> Tensor:
        asked.append(name)
        return read(self, name)

    monkeypatch.setattr(Checkpoint, "tensor", watched)
    held, stream, _ = streamed(source, torch.float32, Streaming(pinned=True))
    assert isinstance(stream._host, HeldBlocks)
    mapped, _, _ = streamed(source, torch.float32)
    asked.clear()
    velocity(held, torch.float32)
    assert asked == []
    velocity(mapped, torch.float32)
    assert len(asked) == 2 * 8 + 3 * 2  # matrices of two double and three single blocks


def test_what_is_let_go_is_free_at_once(tmp_path: Path) -> None:
    """Places and weights, without waiting for the collector; the control: held elsewhere, they stay."""
    module, stream, _ = streamed(official(tmp_path, torch.float32), torch.float32, Streaming(kept=1))
    velocity(module, torch.float32)
    alive = [weakref.ref(place._buffer) for place in (*stream._places, *stream._there.values())]
    gc.disable()
    try:
        del stream
        assert all(buffer() is not None for buffer in alive)
        del module
        assert all(buffer() is None for buffer in alive)
    finally:
        gc.enable()
