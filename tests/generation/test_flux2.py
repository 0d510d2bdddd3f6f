"""The nano backend: the engine's pictures and errors through one door, on a small model with random weights.

Installed models, which paint through the same class, are in test_installed.py.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import flux2engine.errors
from flux2engine.errors import EngineError
from flux2flow.domain.files import FileRef, PictureFile
from flux2flow.domain.fingerprint import digest
from flux2flow.domain.measures import Color, PixelSize
from flux2flow.domain.plate import Direction, PaletteColor, PlateRequest, Reference
from flux2flow.errors import GenerationError
from flux2flow.generation.flux2 import LIMITS, NanoBackend, nano, nano_entry
from flux2flow.generation.flux2.backend import translated
from flux2flow.interfaces import ImageBackend, Painted, PaintFailed, PaintStep


def drawing(color: tuple[int, int, int, int]) -> bytes:
    """Make a PNG of one colour with transparency."""
    buffer = io.BytesIO()
    Image.new("RGBA", (96, 80), color).save(buffer, "PNG")
    return buffer.getvalue()


class Files:
    """Pictures by name."""

    def __init__(self, **held: bytes) -> None:
        self.held = held

    def refer(self, name: str) -> PictureFile:
        """Refer to one of them."""
        return PictureFile(FileRef("project", name, digest(self.held[name])), 96, 80, "png", True)

    def read(self, file: FileRef) -> bytes:
        return self.held[file.path]


FILES = Files(red=drawing((200, 20, 20, 255)), blue=drawing((20, 20, 200, 90)))
REQUEST = PlateRequest("a red bottle", PixelSize(96, 64), 5, (), Direction((), (), None, 0.8, -45, 50))


def paint(backend: NanoBackend, request: PlateRequest) -> bytes:
    """Paint one plate and check what is yielded on the way."""
    *steps, last = backend.paint([request], FILES)
    assert isinstance(last, Painted)
    assert all(isinstance(step, PaintStep) for step in steps)
    assert [step.done for step in steps if isinstance(step, PaintStep)] == list(range(len(steps)))
    assert last.canvas.size == request.size
    return last.canvas.pixels


@pytest.fixture(scope="module")
def backend(model_folder: Path) -> NanoBackend:
    """Return a backend over the small model."""
    return NanoBackend(model_folder)


def test_it_is_a_backend(model_folder: Path) -> None:
    """Under its name, with its limits."""
    made = nano_entry(model_folder)
    assert (made.name, made.limits) == ("nano", LIMITS)
    assert isinstance(made.create(), ImageBackend)


def test_five_paintings_are_the_same_bytes_whatever_stands_beside_them(backend: NanoBackend) -> None:
    """Alone or after another plate; another seed, prompt, reference or step count differs."""
    first = paint(backend, REQUEST)
    assert all(paint(backend, REQUEST) == first for _ in range(4))
    events = list(backend.paint([replace(REQUEST, seed=9), REQUEST], FILES))
    assert next(event.canvas.pixels for event in events if isinstance(event, Painted) and event.plate == 1) == first
    red, blue = (Reference(FILES.refer(name), "product", name) for name in ("red", "blue"))
    others = [
        replace(REQUEST, seed=9),
        replace(REQUEST, prompt="a podium"),
        replace(REQUEST, references=(red,)),
        replace(REQUEST, references=(blue,)),
        replace(REQUEST, references=(red, blue)),
        replace(REQUEST, steps=2),
        replace(REQUEST, base=FILES.refer("blue").file, references=(red,)),
    ]
    seen = {first, *(paint(backend, other) for other in others)}
    assert len(seen) == len(others) + 1


def test_a_cut_out_lies_on_the_colour_of_the_backdrop(tmp_path: Path, model_folder: Path) -> None:
    """For a model that frames cut-outs; the control: for any other the palette is words alone."""
    framing = tmp_path / "framing"
    shutil.copytree(model_folder, framing)
    document = json.loads((framing / "model.json").read_text())
    document["defaults"]["frames_cut_outs"] = True
    (framing / "model.json").write_text(json.dumps(document))
    asked = replace(REQUEST, references=(Reference(FILES.refer("blue"), "product", "blue"),))
    on = {
        part: replace(
            asked, direction=replace(asked.direction, palette=(PaletteColor(part, Color(0, 200, 0), "green"),))
        )
        for part in ("backdrop", "podium")
    }
    made = {folder: {part: paint(NanoBackend(folder), request) for part, request in on.items()}
            for folder in (framing, model_folder)}  # fmt: skip
    assert made[framing]["backdrop"] != made[framing]["podium"]
    assert made[model_folder]["backdrop"] == made[model_folder]["podium"]


def test_a_picture_shared_by_many_plates_is_read_once(model_folder: Path) -> None:
    """However many plates a call paints; the control: calls of their own read it each time."""

    class Counting(Files):
        reads = 0

        def read(self, file: FileRef) -> bytes:
            self.reads += 1
            return super().read(file)

    files = Counting(**FILES.held)
    request = replace(REQUEST, references=(Reference(files.refer("red"), "product", "red"),), steps=1)
    requests = [replace(request, seed=seed) for seed in range(5)]
    list(NanoBackend(model_folder).paint(requests, files))
    assert files.reads == 1
    for one in requests:
        list(NanoBackend(model_folder).paint([one], files))
    assert files.reads == 6


def test_weights_that_cannot_be_loaded_are_tried_once(model_folder: Path, tmp_path: Path) -> None:
    """Execution asks again plate by plate; the answer is the same without reading gigabytes for each."""
    copy = tmp_path / "model"
    shutil.copytree(model_folder, copy)
    backend = NanoBackend(copy)
    weights = copy / "transformer.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    with pytest.raises(GenerationError, match="cannot be used"):
        list(backend.paint([REQUEST], FILES))
    weights.write_bytes(whole)
    with pytest.raises(GenerationError, match="cannot be used"):
        list(backend.paint([REQUEST], FILES))
    assert paint(NanoBackend(copy), REQUEST)


def test_the_thread_count_is_kept_and_given_back(model_folder: Path) -> None:
    """It is part of the identity, and no business of whoever called."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        backend = NanoBackend(model_folder)
        states = backend.paint([REQUEST], FILES)
        next(states)
        assert torch.get_num_threads() == 2
        states.close()  # type: ignore[attr-defined]
    finally:
        torch.set_num_threads(before)
    assert backend.identity().threads == 1
    assert NanoBackend(model_folder, threads=2).identity() == replace(backend.identity(), threads=2)


def test_the_identity_names_the_weights(model_folder: Path, tmp_path: Path) -> None:
    """It changes with any byte of them, and is not computed twice for the same files."""
    copy = tmp_path / "model"
    shutil.copytree(model_folder, copy)
    one = NanoBackend(copy).identity()
    assert one == NanoBackend(model_folder).identity()
    assert (one.backend, one.variant, one.dtype) == ("nano", "nano test", "float32")
    weights = copy / "transformer.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert NanoBackend(copy).identity().weights_digest != one.weights_digest


def test_the_digest_is_hashed_again_only_when_a_file_changes(
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By path, size, time and inode."""
    import flux2engine.manifest

    calls: list[Path] = []
    original = flux2engine.manifest.folder_digest
    monkeypatch.setattr(flux2engine.manifest, "folder_digest", lambda folder: calls.append(folder) or original(folder))
    nano._digests.clear()
    for _ in range(3):
        NanoBackend(model_folder).identity()
    assert len(calls) == 1
    os.utime(model_folder / "tokenizer.json", ns=(1, 1))
    NanoBackend(model_folder).identity()
    assert len(calls) == 2


def test_the_identity_needs_no_torch(model_folder: Path) -> None:
    """A second render that paints nothing loads nothing."""
    code = (
        "import sys; from pathlib import Path; from flux2flow.generation.flux2 import NanoBackend;"
        f"NanoBackend(Path({str(model_folder)!r})).identity(); print('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (result.stdout.strip(), result.returncode) == ("False", 0), result.stderr


def test_without_torch_the_remedy_is_said(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is an extra."""
    for name in [name for name in sys.modules if name.startswith("flux2engine.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(GenerationError, match=r"pip install 'flux2flow\[engine\]'"):
        list(NanoBackend(model_folder).paint([REQUEST], FILES))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": PixelSize(90, 64)}, "multiples of 16"),
        ({"size": PixelSize(64 * 9, 64)}, "8:1"),
        ({"steps": 0}, "steps"),
        ({"prompt": "a red bottle on a podium " * 9}, "of 16 tokens"),
        ({"negative_prompt": "text", "guidance": 1.0}, "negative prompt"),
    ],
)
def test_what_the_engine_refuses_is_told_of_that_plate_alone(
    backend: NanoBackend, changes: dict[str, object], words: str
) -> None:
    """With the engine's reason in it; the plates beside it are painted."""
    events = list(backend.paint([REQUEST, replace(REQUEST, **changes), REQUEST], FILES))  # type: ignore[arg-type]
    failed = [event for event in events if isinstance(event, PaintFailed)]
    assert [event.plate for event in failed] == [1]
    assert words in failed[0].reason
    assert sorted(event.plate for event in events if isinstance(event, Painted)) == [0, 2]


def test_every_engine_error_is_mapped_at_the_door() -> None:
    """A gap would be a traceback for the user."""
    tree = [one for one in vars(flux2engine.errors).values() if isinstance(one, type) and issubclass(one, EngineError)]
    assert len(tree) >= 6
    files = nano.NanoFiles(None, 1)
    for kind in tree:
        error = kind(1, "why") if kind.__name__ == "ReferencePictureError" else kind("why")
        with pytest.raises(GenerationError, match="why"), translated(files):
            raise error
    with pytest.raises(ZeroDivisionError), translated(files):
        raise ZeroDivisionError


def test_a_folder_without_a_model_is_said(tmp_path: Path, model_folder: Path) -> None:
    """Which file, and what to do."""
    with pytest.raises(GenerationError, match=r"model\.json"):
        NanoBackend(tmp_path).identity()
    shutil.copytree(model_folder, tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").unlink()
    with pytest.raises(GenerationError, match=r"tokenizer\.json.*reinstall"):
        NanoBackend(tmp_path / "model").identity()
