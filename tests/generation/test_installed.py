"""The user's own models as backends: registered from small records, refused where their files are not as recorded."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flux2engine.library import Library
from flux2flow import plugins
from flux2flow.errors import GenerationError, PluginError
from flux2flow.generation.flux2 import entries, machine
from flux2flow.generation.flux2.backend import Flux2Backend
from flux2flow.interfaces import BackendEntry, ImageBackend, Painted, PaintPhase
from tests.engine.installed_models import install
from tests.generation.test_flux2 import FILES, REQUEST


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small klein 4B, imported."""
    folder = tmp_path_factory.mktemp("imported")
    install(folder, "klein-4b")
    return folder


@pytest.fixture
def models(imported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the records into a library of the test's own, and choose it and a cache."""
    shutil.copytree(imported / "models", tmp_path / "models")
    monkeypatch.setenv("FLUX2FLOW_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("FLUX2FLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FLUX2FLOW_DEVICE", "cpu")
    monkeypatch.setattr(machine, "physical_cores", lambda: 1)  # threads of many tests on few cores wait for each other
    return tmp_path / "models"


def entry(name: str = "klein-4b") -> BackendEntry:
    """Find a backend among those registered."""
    return plugins.registry(plugins=False).backend(name)


def record(models: Path, kind: str) -> Path:
    """Find the one record of a kind."""
    (path,) = (models / kind).iterdir()
    return path


def paint(backend: ImageBackend) -> bytes:
    """Paint one plate."""
    *_, last = backend.paint([REQUEST], FILES)
    assert isinstance(last, Painted)
    return last.canvas.pixels


def test_an_imported_model_is_a_backend(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under its name, with its licence; it paints, again in another process's place, the same bytes."""
    assert [one.name for one in entries()] == ["nano", "klein-4b"]
    made = entry()
    assert made.limits.licence is not None
    assert made.limits.licence.name == "Apache-2.0"
    backend = made.create()
    assert isinstance(backend, ImageBackend)
    identity = backend.identity()
    assert (identity.backend, identity.variant, identity.dtype) == ("flux2", "klein-4b", "float32")
    assert identity.threads == 1
    monkeypatch.setattr(machine, "physical_cores", lambda: 7)
    assert backend.identity().threads == 7
    monkeypatch.setattr(machine, "physical_cores", lambda: 1)
    assert identity.weights_digest == Library(models).model("klein-4b").digest
    first = paint(backend)
    assert len(first) == 3 * REQUEST.size.pixels
    assert paint(entry().create()) == first


def test_a_second_run_wakes_no_text_encoder(models: Path, tmp_path: Path) -> None:
    """Embedded prompts stay in the user's cache; the control: in an empty cache they are made again."""

    def loads() -> int:
        backend = entry().create()
        assert isinstance(backend, Flux2Backend)
        paint(backend)
        assert backend._loaded is not None
        return backend._loaded[0].loads["text_encoder"]

    assert loads() == 1
    assert (tmp_path / "cache" / "tensors").stat().st_mode & 0o077 == 0  # prompts are nobody else's business
    assert loads() == 0
    shutil.rmtree(tmp_path / "cache")
    assert loads() == 1


def test_a_large_models_phases_are_told(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a small one's are not: they pass before anybody can read them."""
    from flux2flow.generation.flux2 import backend

    assert not [event for event in entry().create().paint([REQUEST], FILES) if isinstance(event, PaintPhase)]
    monkeypatch.setattr(backend, "_TOLD_BYTES", 0)
    shutil.rmtree(models.parent / "cache")
    told = [event.name for event in entry().create().paint([REQUEST], FILES) if isinstance(event, PaintPhase)]
    assert told == ["load text encoder", "encode prompts", "load transformer", "load autoencoder"]


def test_the_name_of_a_model_decides_no_pixel(models: Path) -> None:
    """A renamed model's plates are not painted again."""
    before = entry().create().identity()
    path = record(models, "transformers")
    path.with_name("mine.json").write_text(json.dumps(json.loads(path.read_text()) | {"name": "mine"}))
    path.unlink()
    assert entry("mine").create().identity() == before


@pytest.mark.parametrize("kind", ["transformers", "autoencoders", "text_encoders"])
@pytest.mark.parametrize("change", ["touched", "gone"])
def test_files_that_changed_are_refused_with_the_remedy(
    imported: Path, models: Path, tmp_path: Path, kind: str, change: str
) -> None:
    """Before and after the backend was made; put back, they are used again."""
    made = entry().create()
    digest = made.identity().weights_digest
    facts = json.loads(record(models, kind).read_text())["files"][0]
    file = Path(facts["path"])
    if change == "touched":
        os.utime(file, ns=(1, 1))
    else:
        file.rename(tmp_path / "elsewhere")
    try:
        for backend in (made, entry().create()):
            assert backend.identity().weights_digest == digest  # a run that paints nothing needs no files
            with pytest.raises(GenerationError, match=r"flux2flow models verify klein-4b") as refused:
                list(backend.paint([REQUEST], FILES))
            assert file.name in str(refused.value)
    finally:
        if change == "gone":
            (tmp_path / "elsewhere").rename(file)
        os.utime(file, ns=(facts["mtime_ns"], facts["mtime_ns"]))
    assert entry().create().identity().weights_digest == digest


def test_an_incomplete_model_is_listed_and_says_what_it_lacks(models: Path) -> None:
    """When it is asked to paint, not when somebody lists backends."""
    record(models, "text_encoders").unlink()
    backend = entry().create()
    with pytest.raises(GenerationError, match=r"the model klein-4b is not complete: text encoder .* missing: import"):
        backend.identity()


@pytest.mark.parametrize("damage", [b"", b"{", b'{"kind": "transformer"}', b"\xff" * 40])
def test_a_damaged_record_hides_nothing_else(models: Path, damage: bytes) -> None:
    """And is told where its name is asked for."""
    (models / "transformers" / "other.json").write_bytes(damage)
    assert [one.name for one in entries()] == ["nano", "klein-4b"]
    with pytest.raises(PluginError, match=r"other\.json is damaged"):
        entry("other")


def test_a_library_that_cannot_be_read_hides_no_other_backend(models: Path) -> None:
    """A file in a folder's place; the message for a model of the table says so."""
    shutil.rmtree(models / "transformers")
    (models / "transformers").write_text("not a folder")
    assert [one.name for one in entries()] == ["nano"]
    assert "procedural" in plugins.registry(plugins=False).backends
    with pytest.raises(PluginError, match="transformers cannot be read"):
        entry()
    shutil.rmtree(models)
    assert [one.name for one in entries()] == ["nano"]


def test_a_known_model_that_is_not_installed_says_which_file_to_import(models: Path) -> None:
    """An unknown name gets no such advice."""
    with pytest.raises(
        PluginError, match=r"klein-9b is a FLUX\.2 model: flux2flow models import FILE, with flux-2-klein-9b"
    ):
        entry("klein-9b")
    with pytest.raises(PluginError) as refused:
        entry("klein-9000")
    assert str(refused.value).endswith("installed: klein-4b, nano, procedural")


def test_a_record_cannot_take_the_place_of_what_ships(models: Path) -> None:
    """Written by hand: importing refuses the name."""
    path = record(models, "transformers")
    path.with_name("nano.json").write_text(json.dumps(json.loads(path.read_text()) | {"name": "nano"}))
    assert [one.name for one in entries()] == ["nano", "klein-4b"]


@pytest.mark.parametrize(("extra", "loaded"), [("", "[]"), ("import torch", "['torch']")])
def test_listing_and_naming_load_no_torch(models: Path, extra: str, loaded: str) -> None:
    """A plan is made without it; the control shows that it would be seen."""
    code = (
        f"import sys\n{extra}\nfrom flux2flow import plugins\n"
        "backend = plugins.registry(plugins=False).backend('klein-4b').create()\n"
        "assert backend.identity().variant == 'klein-4b'\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (result.stdout.strip(), result.returncode) == (loaded, 0), result.stderr


PAINTER = """
import hashlib, sys
from dataclasses import replace
from flux2flow import plugins
from flux2flow.generation.flux2 import machine
from flux2flow.interfaces import Painted
from tests.generation.test_flux2 import FILES, REQUEST

machine.physical_cores = lambda: 1
backend = plugins.registry(plugins=False).backend("klein-4b").create()
for event in backend.paint([replace(REQUEST, seed=seed) for seed in range(4)], FILES):
    if isinstance(event, Painted):
        print("painted", event.plate, hashlib.sha256(event.canvas.pixels).hexdigest(), flush=True)
    elif hasattr(event, "plate"):
        print("step", event.plate, event.done, flush=True)
"""


def test_a_killed_staged_run_samples_no_plate_twice(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it samples the third of four plates, before any is decoded: the next run begins with the third.

    Its pictures are those of a run that stayed resident and was left alone.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "FLUX2FLOW_RESIDENCY": "staged"}
    with subprocess.Popen(
        [sys.executable, "-c", PAINTER], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        lines = [line.split() for line in iter(process.stdout.readline, "step 2 1\n")]
        process.kill()
    assert lines
    assert {words[0] for words in lines} == {"step"}
    whole = entry().create().paint([replace(REQUEST, seed=seed) for seed in range(4)], FILES)
    expected = {
        str(event.plate): hashlib.sha256(event.canvas.pixels).hexdigest()
        for event in whole
        if isinstance(event, Painted)
    }
    again = subprocess.run(
        [sys.executable, "-c", PAINTER], capture_output=True, text=True, env=environment, check=True
    ).stdout.splitlines()
    assert {line.split()[1] for line in again if line.startswith("step")} == {"2", "3"}
    assert {line.split()[1]: line.split()[2] for line in again if line.startswith("painted")} == expected
    monkeypatch.setenv("FLUX2FLOW_RESIDENCY", "sometimes")
    with pytest.raises(GenerationError, match="FLUX2FLOW_RESIDENCY is 'sometimes'"):
        list(entry().create().paint([REQUEST], FILES))


# --- the machine -------------------------------------------------------------------------------------------------


def test_the_device_decides_dtype_and_threads(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On CUDA bf16, and no thread count in the identity; nonsense is refused by name."""
    monkeypatch.setenv("FLUX2FLOW_DEVICE", "cuda:1")
    identity = entry().create().identity()
    assert (identity.dtype, identity.threads) == ("bfloat16", 0)
    monkeypatch.setenv("FLUX2FLOW_DEVICE", "gpu")
    with pytest.raises(GenerationError, match="FLUX2FLOW_DEVICE is 'gpu'"):
        entry().create().identity()


def test_a_device_that_is_not_there_is_said(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any weights are read."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    monkeypatch.setenv("FLUX2FLOW_DEVICE", "cuda")
    with pytest.raises(GenerationError, match=r"klein-4b cannot compute on cuda: this torch .* finds no CUDA device"):
        list(entry().create().paint([REQUEST], FILES))


def test_the_machine_agrees_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is concluded without torch is what torch finds."""
    import torch

    monkeypatch.delenv("FLUX2FLOW_DEVICE", raising=False)
    assert machine.device() == ("cuda" if torch.cuda.is_available() else "cpu")
    assert 1 <= machine.physical_cores() <= (os.cpu_count() or 1)
