"""Parts come to the device when they are asked for, once each, counted, and staged they go again."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from flux2engine.errors import DeviceError, ManifestError
from flux2engine.library import InstalledModel
from flux2engine.memory import Placement, choose_placement
from flux2engine.model_folder import PARTS, FolderParts
from flux2engine.stages import InstalledParts, NarrowAutoencoder, Stages, autoencoder_dtype
from flux2engine.variants import VARIANTS
from flux2engine.weights.checkpoint import open_checkpoint
from flux2engine.working_memory import text_encoder_parameters
from tests.engine.checkpoints import small_autoencoder, write_official_autoencoder
from tests.engine.installed_models import install

CPU = choose_placement("cpu")
CUDA = Placement(torch.device("cuda"), torch.bfloat16)


@pytest.fixture(scope="module")
def klein(tmp_path_factory: pytest.TempPathFactory) -> InstalledModel:
    """Return a small klein 4B, imported from a diffusers folder."""
    return install(tmp_path_factory.mktemp("klein"), "klein-4b")


@pytest.fixture(params=["folder", "installed"])
def source(request: pytest.FixtureRequest, model_folder: Path, klein: InstalledModel) -> FolderParts | InstalledParts:
    """Return both kinds of source."""
    return FolderParts(model_folder) if request.param == "folder" else InstalledParts(klein)


def test_resident_parts_stay_and_are_loaded_once(source: FolderParts | InstalledParts) -> None:
    """Whatever is finished with; the same module is handed out."""
    stages = Stages(source, CPU, "resident")
    assert not any(stages.holds(part) for part in PARTS)
    encoder, transformer, autoencoder = stages.text_encoder(), stages.transformer(), stages.autoencoder()
    for part in PARTS:
        stages.finished(part)
    assert stages.text_encoder() is encoder
    assert stages.transformer() is transformer
    assert stages.autoencoder() is autoencoder
    assert set(stages.loads.values()) == {1}


def test_staged_the_large_parts_never_meet(source: FolderParts | InstalledParts) -> None:
    """The transformer sends the text encoder away and the other way round; the autoencoder stays."""
    stages = Stages(source, CPU, "staged")
    stages.text_encoder()
    stages.autoencoder()
    stages.transformer()
    assert [stages.holds(part) for part in PARTS] == [False, True, True]
    stages.text_encoder()
    assert [stages.holds(part) for part in PARTS] == [True, False, True]
    stages.finished("text_encoder")
    stages.finished("autoencoder")
    assert [stages.holds(part) for part in PARTS] == [False, False, True]
    assert dict(stages.loads) == {"text_encoder": 2, "transformer": 1, "autoencoder": 1}
    stages.release()
    assert not any(stages.holds(part) for part in PARTS)


def test_what_is_let_go_is_free_at_once(source: FolderParts | InstalledParts) -> None:
    """Without waiting for the collector, after it was used; the control: held elsewhere, it stays."""
    stages = Stages(source, CPU, "staged")
    gc.disable()
    try:
        stages.text_encoder().encode(["a red bottle"])
        transformer = stages.transformer()
        alive = [weakref.ref(tensor) for tensor in transformer.parameters()]
        stages.release()
        assert all(tensor() is not None for tensor in alive)
        del transformer
        assert all(tensor() is None for tensor in alive)
        encoder = stages.text_encoder()
        encoder.encode(["a red bottle"])
        module = encoder if isinstance(encoder, nn.Module) else encoder.model  # type: ignore[attr-defined]
        alive = [weakref.ref(tensor) for tensor in module.parameters()]
        del encoder, module
        stages.finished("text_encoder")
        assert all(tensor() is None for tensor in alive)
    finally:
        gc.enable()


def test_every_byte_is_counted(source: FolderParts | InstalledParts) -> None:
    """What was moved is what the modules hold, twice after loading twice; the estimate made before is close to it."""
    stages = Stages(source, CPU, "staged")
    transformer = stages.transformer()
    held = sum(tensor.nbytes for tensor in transformer.state_dict().values())
    assert dict(stages.moved) == {"text_encoder": 0, "transformer": held, "autoencoder": 0}
    stages.finished("transformer")
    stages.transformer()
    assert stages.moved["transformer"] == 2 * held
    stages.text_encoder()
    stages.autoencoder()
    assert stages.moved["autoencoder"] > 0
    for part, times in (("text_encoder", 1), ("transformer", 2), ("autoencoder", 1)):
        assert stages.moved[part] / times == pytest.approx(stages.sizes[part], rel=0.02)  # type: ignore[index]


def test_free_memory_decides_what_is_resident(source: FolderParts | InstalledParts) -> None:
    """Four thirds of all parts are enough to keep them together; one byte less is not; a choice that is made wins."""
    total = sum(Stages(source, CPU, "staged").sizes.values())
    enough = -(-total * 4 // 3)
    assert Stages(source, CPU, free=lambda _: enough).residency == "resident"
    assert Stages(source, CPU, free=lambda _: enough - 2).residency == "staged"
    assert Stages(source, CPU, "resident", free=lambda _: 0).residency == "resident"
    assert Stages(source, CPU, free=lambda _: None).residency == "resident"


def test_a_part_without_room_is_refused_before_it_is_read(
    source: FolderParts | InstalledParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both figures; the control: with room for it, it is read."""
    size = Stages(source, CPU).sizes["transformer"]
    reads: list[str] = []
    monkeypatch.setattr(source, "load_transformer", lambda placement: (reads.append("transformer"), 0))
    stages = Stages(source, CPU, "staged", free=lambda _: size - 1)
    with pytest.raises(DeviceError, match=r"transformer of .* takes .* GB in float32, and cpu has .* GB free"):
        stages.transformer()
    assert reads == []
    Stages(source, CPU, "staged", free=lambda _: size).transformer()
    assert reads == ["transformer"]


@pytest.mark.parametrize(("name", "gigabytes"), [("klein-4b", 6.2), ("klein-9b", 11.7), ("dev", 34.7)])
def test_the_estimate_of_text_encoders_at_true_size(name: str, gigabytes: float) -> None:
    """In bf16, only the layers up to the last tap: the published sizes, computed elsewhere."""
    assert 2e-9 * text_encoder_parameters(VARIANTS[name].text_encoder) == pytest.approx(gigabytes, rel=0.01)


def test_an_incomplete_model_is_refused(klein: InstalledModel) -> None:
    """With what it lacks."""
    lacking = replace(klein, text_encoder=None, missing=("text encoder missing: import one",))
    with pytest.raises(ManifestError, match="klein-4b lacks text encoder missing: import one"):
        InstalledParts(lacking)


def test_the_parts_of_one_model_have_digests_of_their_own(klein: InstalledModel) -> None:
    """Two models that share a text encoder share its embeddings."""
    digests = InstalledParts(klein).digests()
    assert len(set(digests.values())) == 3
    assert digests["text_encoder"] == klein.text_encoder.digest  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("stored", "placement", "expected"),
    [
        (torch.float32, CUDA, torch.float32),
        (torch.bfloat16, CUDA, torch.bfloat16),
        (torch.bfloat16, CPU, torch.float32),
    ],
)
def test_the_autoencoder_computes_as_it_is_stored(
    tmp_path: Path, stored: torch.dtype, placement: Placement, expected: torch.dtype
) -> None:
    """An fp32 file is decoded in fp32 everywhere; a bf16 one in bf16 where that is faster."""
    path = write_official_autoencoder(tmp_path, dtype=stored)
    assert autoencoder_dtype(open_checkpoint(path), placement) == expected


def test_a_narrow_autoencoder_takes_and_gives_fp32() -> None:
    """Within what bf16 resolves of the same autoencoder in fp32; the control: unwrapped, it refuses fp32."""
    wide = small_autoencoder()
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    latents = wide.encode(pixels)
    narrow = type(wide)(wide.config)
    narrow.load_state_dict(wide.state_dict())
    narrow.to(torch.bfloat16)
    wrapped = NarrowAutoencoder(narrow, torch.bfloat16)
    for made, expected in ((wrapped.encode(pixels), latents), (wrapped.decode(latents), wide.decode(latents))):
        assert made.dtype == torch.float32
        assert (made - expected).std() < 0.05 * expected.std()
    assert wrapped.bn is narrow.bn
    with pytest.raises(RuntimeError):
        narrow.encode(pixels)
