"""Both autoencoders have the published sizes; the tiny one takes its teacher's weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from flux2engine import autoencoder as module
from flux2engine.autoencoder import AutoencoderKLFlux2, TinyAutoencoder
from flux2engine.errors import WeightsError
from flux2engine.model_folder import load_teacher
from flux2engine.variants import AutoencoderConfig
from tests.engine.conftest import SHARED
from tests.engine.parity.peer import autoencoder

TEACHER = SHARED / "weights" / "taef2"


def parameters(part: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(parameter.numel() for parameter in part.parameters())


def test_official_size() -> None:
    """The official one has 84.05 M parameters, the small decoder 27.9 M."""
    with torch.device("meta"):
        whole, small = AutoencoderKLFlux2(), AutoencoderKLFlux2(AutoencoderConfig(decoder_channels=96))
    assert parameters(whole) == 84_046_115
    assert parameters(small.decoder) == 27_947_235
    assert parameters(small.encoder) == parameters(whole.encoder)


def test_tiny_size() -> None:
    """The shipped form has a million parameters and FLUX.2's latent shape."""
    tiny = TinyAutoencoder()
    assert (parameters(tiny.encoder), parameters(tiny.decoder)) == (442_640, 553_427)
    latents = tiny.encode(torch.rand(1, 3, 64, 96))
    assert latents.shape == (1, 32, 8, 12)
    assert tiny.decode(latents).shape == (1, 3, 64, 96)
    assert {"bn.running_mean", "bn.running_var"} <= tiny.state_dict().keys()


def test_tiny_trains() -> None:
    """A gradient reaches every parameter, through the soft clamp too."""
    tiny = TinyAutoencoder()
    tiny.decode(tiny.encode(torch.rand(1, 3, 32, 32))).square().mean().backward()
    assert all(parameter.grad is not None for parameter in tiny.parameters())


def test_teacher() -> None:
    """The teacher's weights load strictly and rebuild a smooth picture; random ones of the form do not."""
    if not TEACHER.is_dir():
        pytest.skip("the teacher's weights are not here")
    teacher = load_teacher(TEACHER)
    y, x = torch.meshgrid(torch.linspace(0, 1, 128), torch.linspace(0, 1, 128), indexing="ij")
    picture = torch.stack([x, y, (x - 0.5) ** 2 + (y - 0.5) ** 2])[None]

    def quality(model: TinyAutoencoder) -> float:
        with torch.no_grad():
            return float(-10 * torch.log10((model.decode(model.encode(picture)) - picture).square().mean()))

    assert quality(teacher) > 30
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert quality(TinyAutoencoder(teacher.config)) < 15


def test_teacher_is_strict() -> None:
    """The student's own form refuses the teacher's weights by name."""
    if not TEACHER.is_dir():
        pytest.skip("the teacher's weights are not here")
    from flux2engine.weights.official import load_module

    with pytest.raises(WeightsError) as caught:
        load_module(TinyAutoencoder().decoder, TEACHER / "taef2_decoder.safetensors")
    assert caught.value.unexpected


def test_attention_in_slices_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slicing queries changes nothing but memory."""
    raw = torch.randn(1, 32, 8, 8, generator=torch.Generator().manual_seed(9))
    whole = autoencoder().decode(raw)
    monkeypatch.setattr(module, "QUERY_SLICE", 17)
    torch.testing.assert_close(autoencoder().decode(raw), whole, rtol=1e-5, atol=1e-5)
