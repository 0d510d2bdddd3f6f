"""A model's files → its three parts on a device, each loaded when it is asked for, counted in bytes, and let go.

Decides what is resident when; knows nothing of prompts or pictures. `accelerate` is not used: its hooks move a part in
and out with every call, which is what phases exist to avoid; building on the meta device is torch's own, and the loader
counts every byte that it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from flux2engine.autoencoder import Autoencoder, AutoencoderKLFlux2, LatentStatistics
from flux2engine.errors import DeviceError, ManifestError
from flux2engine.language_model import load_text_encoder
from flux2engine.library import Component, InstalledModel
from flux2engine.memory import Placement, Residency, free_bytes, release_cached
from flux2engine.memory_plan import Budget, MemoryPlan, Work, plans
from flux2engine.model_folder import PARTS, PartName
from flux2engine.model_sizes import held_bytes, sizes_of_parts
from flux2engine.streaming import BlockStream, Streaming, load_streamed, stream_of
from flux2engine.text_encoder import TextEncoder
from flux2engine.transformer import BLOCK_LISTS, Flux2Transformer
from flux2engine.variants import AutoencoderConfig, ModelVariant, TransformerConfig
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.formats import open_weights
from flux2engine.weights.identify import Identified, identify
from flux2engine.weights.loading import load_weights
from flux2engine.working_memory import text_encoder_parameters

Part = PartName

Loaded = TypeVar("Loaded")


class PartSource(Protocol):
    """Where a model's parts come from."""

    variant: ModelVariant

    def digests(self) -> Mapping[Part, str]:
        """Name the bytes of each part; equal digests give equal tensors."""
        ...

    def sizes(self, placement: Placement) -> Mapping[Part, int]:
        """Return about how many bytes each part takes where it computes; no weights are read."""
        ...

    def load_text_encoder(self, placement: Placement, streaming: Streaming | None = None) -> tuple[TextEncoder, int]:
        """Load it, or what of it is not streamed; return it with the bytes written to the device."""
        ...

    def load_transformer(
        self, placement: Placement, streaming: Streaming | None = None
    ) -> tuple[Flux2Transformer, int]:
        """Load it, or what of it is not streamed; return it with the bytes written to the device."""
        ...

    def load_autoencoder(self, placement: Placement) -> tuple[Autoencoder, int]:
        """Load it; return it with the bytes written to the device."""
        ...


class Stages:
    """Hold the parts of one model that are on the device now.

    Resident, a part stays once it is loaded. Staged, the text encoder and the transformer never meet there, and
    `finished` lets a part go; streamed, the transformer's blocks come there one by one besides, and so do the layers
    of a text encoder that does not fit. The fastest that fits is chosen by `memory_plan`, unless one is named. The
    autoencoder stays in all: it encodes references before and decodes pictures after the transformer, is a fiftieth
    of its size, and would otherwise be read twice.
    """

    def __init__(
        self,
        source: PartSource,
        placement: Placement,
        residency: Residency | None = None,
        free: Callable[[torch.device], int | None] = free_bytes,
        work: Work | None = None,
    ) -> None:
        """Take what `work` needs beside weights into account; where it is not known, leave it a quarter."""
        self.source = source
        self.placement = placement
        self._free = free
        self.sizes = source.sizes(placement)  # bytes, about
        self.plan = self._planned(residency, work)
        self.residency: Residency = self.plan.residency
        self._streams: dict[Part, BlockStream] = {}
        self._held: dict[Part, Any] = {}
        self._moved: dict[Part, int] = dict.fromkeys(PARTS, 0)
        self._loads: dict[Part, int] = dict.fromkeys(PARTS, 0)

    @property
    def variant(self) -> ModelVariant:
        """The model's row of the table, with the shapes of the files."""
        return self.source.variant

    @property
    def moved(self) -> Mapping[Part, int]:
        """Bytes written to the device so far, by part; with all blocks that were streamed."""
        streamed = {part: stream.bytes_moved for part, stream in self._streams.items()}
        return MappingProxyType({part: moved + streamed.get(part, 0) for part, moved in self._moved.items()})

    @property
    def loads(self) -> Mapping[Part, int]:
        """How often each part was loaded so far."""
        return MappingProxyType(self._loads)

    def holds(self, part: Part) -> bool:
        """Whether a part is on the device now."""
        return part in self._held

    def text_encoder(self) -> TextEncoder:
        """Return the text encoder, loaded where it is not held."""
        streaming = Streaming(pinned=self.plan.pinned) if self.plan.text_streamed else None
        return self._part("text_encoder", partial(self.source.load_text_encoder, **_given(streaming)))

    def transformer(self) -> Flux2Transformer:
        """Return the transformer, loaded where it is not held."""
        streaming = Streaming(self.plan.kept, self.plan.pinned) if self.residency == "streamed" else None
        return self._part("transformer", partial(self.source.load_transformer, **_given(streaming)))

    def autoencoder(self) -> Autoencoder:
        """Return the autoencoder, loaded where it is not held."""
        return self._part("autoencoder", self.source.load_autoencoder)

    def finished(self, part: Part) -> None:
        """Say that a phase needs the part no longer: unless all are resident, it is let go."""
        if self.residency != "resident" and part != "autoencoder":
            self._release(part)

    def release(self) -> None:
        """Let go of every part."""
        for part in tuple(self._held):
            self._release(part)

    def _part(self, part: Part, load: Callable[[Placement], tuple[Loaded, int]]) -> Loaded:
        if part not in self._held:
            if part != "autoencoder":
                for other in ("text_encoder", "transformer"):
                    self.finished(other)
            self._require_room(part)
            self._held[part], moved = load(self.placement)
            if (stream := stream_of(self._held[part])) is not None:
                self._streams[part] = stream
            self._moved[part] += moved
            self._loads[part] += 1
        held: Loaded = self._held[part]
        return held

    def _release(self, part: Part) -> None:
        if self._held.pop(part, None) is not None:
            if (stream := self._streams.pop(part, None)) is not None:
                self._moved[part] += stream.bytes_moved
            # No part refers to itself (a test looks), so that its memory is free now, without a collection's second.
            release_cached(self.placement.device)

    def _require_room(self, part: Part) -> None:
        free, size = self._free(self.placement.device), self._on_device(part)
        if free is not None and size > free:
            raise DeviceError(
                f"the {part.replace('_', ' ')} of {self.variant.name} takes {size / 1e9:.1f} GB in"
                f" {_name(self.placement.dtype)}, and {self.placement.device} has {free / 1e9:.1f} GB free"
            )

    def _on_device(self, part: Part) -> int:
        """Return the bytes that a part's weights take there at once."""
        streamed = part == "text_encoder" if self.plan.text_streamed else False
        streamed = streamed or (part == "transformer" and self.residency == "streamed")
        if not streamed:
            return self.sizes[part]
        phase = next(one for one in self.plan.phases if one.name == ("text" if part == "text_encoder" else "steps"))
        return sum(size for name, size in phase.weights if name != "autoencoder")

    def _planned(self, residency: Residency | None, work: Work | None) -> MemoryPlan:
        """Choose the fastest profile that fits, or of the one that is named; where none does, the smallest."""
        device = self.placement.device
        shared = device.type != "cuda"  # mps has the host's memory, and no streams here
        host = None if shared else self._free(torch.device("cpu"))
        budget = Budget(self._free(device), host, shared)
        element_size = self.placement.dtype.itemsize
        sizes = sizes_of_parts(
            self.source.variant,
            text_encoder=self.sizes["text_encoder"],
            transformer=self.sizes["transformer"],
            autoencoder=self.sizes["autoencoder"],
            element_size=element_size,
        )
        stated = plans(sizes, self.source.variant, work, budget, None, element_size)
        wanted = [plan for plan in stated if residency in (None, plan.residency)]
        return next((plan for plan in wanted if plan.fits), min(wanted, key=lambda plan: (plan.peak, plan.host)))


class InstalledParts:
    """Load the parts of a model of the library; the header of each file is read when its part is asked for."""

    def __init__(self, model: InstalledModel) -> None:
        if model.missing or model.autoencoder is None or model.text_encoder is None:
            raise ManifestError(f"{model.name} lacks {', '.join(model.missing)}")
        self.variant = model.variant
        self._transformer = model.transformer
        self._autoencoder = model.autoencoder
        self._text_encoder = model.text_encoder

    def digests(self) -> Mapping[Part, str]:
        """Return the digests of the records."""
        return {
            "text_encoder": self._text_encoder.digest,
            "transformer": self._transformer.digest,
            "autoencoder": self._autoencoder.digest,
        }

    def sizes(self, placement: Placement) -> Mapping[Part, int]:
        """Count parameters in the dtype that computes, packed ones as they are; the autoencoder's in fp32."""
        return {
            "text_encoder": _size(
                self._text_encoder, text_encoder_parameters(self.variant.text_encoder), placement.dtype
            ),
            "transformer": _size(self._transformer, self._transformer.parameters, placement.dtype),
            "autoencoder": self._autoencoder.parameters * torch.float32.itemsize,
        }

    def load_text_encoder(self, placement: Placement, streaming: Streaming | None = None) -> tuple[TextEncoder, int]:
        """Load the layers up to the last tap; packed weights stay packed."""
        checkpoint, found = _opened(self._text_encoder)
        if self._text_encoder.tokenizer is None:
            raise ManifestError(f"the text encoder {self._text_encoder.name} was imported without a tokenizer")
        config = self.variant.text_encoder
        encoder = load_text_encoder(
            checkpoint,
            found,
            Path(self._text_encoder.tokenizer.path),
            placement.device,
            placement.dtype,
            config.taps,
            config.tokens,
            streaming,
            keep_packed=True,
        )
        return encoder, encoder.bytes_moved

    def load_transformer(
        self, placement: Placement, streaming: Streaming | None = None
    ) -> tuple[Flux2Transformer, int]:
        """Load the transformer in the dtype that computes; packed weights stay packed."""
        checkpoint, found = _opened(self._transformer)
        assert isinstance(found.shape, TransformerConfig)
        with torch.device("meta"):
            module = Flux2Transformer(found.shape)
        device, dtype = placement.device, placement.dtype
        if streaming is None:
            moved = load_weights(module, checkpoint, found, device, dtype, keep_packed=True)
        else:
            _, moved = load_streamed(module, BLOCK_LISTS, checkpoint, found, device, dtype, streaming, keep_packed=True)
        return module.eval().requires_grad_(False), moved

    def load_autoencoder(self, placement: Placement) -> tuple[Autoencoder, int]:
        """Load the autoencoder: in fp32 where the file is, as the reference implementation decodes."""
        checkpoint, found = _opened(self._autoencoder)
        assert isinstance(found.shape, AutoencoderConfig)
        with torch.device("meta"):
            module = AutoencoderKLFlux2(found.shape)
        dtype = autoencoder_dtype(checkpoint, placement)
        moved = load_weights(module, checkpoint, found, placement.device, dtype)
        # Convolutions are faster so (engine/README.md).
        module = module.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return (module if dtype == torch.float32 else NarrowAutoencoder(module, dtype)), moved


class NarrowAutoencoder:
    """Let an autoencoder compute in a narrower dtype between fp32 pixels and fp32 latents."""

    def __init__(self, inner: Autoencoder, dtype: torch.dtype) -> None:
        self._inner = inner
        self._dtype = dtype

    @property
    def bn(self) -> LatentStatistics:
        """Return the statistics that normalise packed latents."""
        return self._inner.bn

    def encode(self, pixels: Tensor) -> Tensor:
        """Turn pixels in [0, 1] into raw latents."""
        return self._inner.encode(pixels.to(self._dtype)).float()

    def decode(self, latents: Tensor) -> Tensor:
        """Turn raw latents into pixels around [0, 1], not clamped."""
        return self._inner.decode(latents.to(self._dtype)).float()


def autoencoder_dtype(checkpoint: WeightSource, placement: Placement) -> torch.dtype:
    """Return fp32 on a CPU and for fp32 files, whose publisher decodes in fp32; else the placement's dtype."""
    wide = any(
        form.dtype == torch.float32 for name, form in checkpoint.forms.items() if name.endswith("conv_out.weight")
    )
    return torch.float32 if wide or placement.device.type == "cpu" else placement.dtype


def _given(streaming: Streaming | None) -> dict[str, Any]:
    # Sources that never stream need not know the word.
    return {} if streaming is None else {"streaming": streaming}


def _size(component: Component, parameters: int, dtype: torch.dtype) -> int:
    """Return the bytes of so many of a component's parameters: as its files pack them, or as they compute."""
    weights = sum(file.size for file in component.files)
    return held_bytes(component.dtype, weights, component.parameters, parameters, dtype.itemsize)


def _opened(component: Component) -> tuple[WeightSource, Identified]:
    checkpoint = open_weights(Path(component.source))
    return checkpoint, identify(checkpoint, component.config or None)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
