"""A LoRA file → Lora: checked factors by official layer, and the keys that no layer answers to.

Takes every way of naming and every algebra that is read, and refuses the others by name. Knows no model's size: whether
a layer is there, and whether shapes fit, is asked when it is applied.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from flux2engine.errors import UnknownLayoutError, WeightsError
from flux2engine.weights.checkpoint import Checkpoint, nonfinite, open_checkpoint
from flux2engine.weights.lora import kohya, official, peft
from flux2engine.weights.lora.algebra import Delta, Hadamard, Kronecker, LowRank, Magnitude
from flux2engine.weights.lora.parameters import Parameter, is_text_encoders, parameter_of, refuse_other_algebras
from flux2engine.weights.lora.places import Naming, Place

MAX_RANK = 4096  # the largest seen are extracted differences of 1024, and three of them joined for q, k and v

# Asked in this order: dotted modules may be bare, so they come last. One family, one file.
NAMINGS = (peft.NAMING, kohya.NAMING, official.NAMING)
_SUGGESTIONS = 3
_OTHER_MODELS = (
    (re.compile(r"(?:img|txt)_mod[._]lin|single_blocks[._]\d+[._]modulation|vector_in|time_text_embed"), "FLUX.1"),
    (re.compile(r"(?:input|down|up|output|middle)_blocks?[._]"), "Stable Diffusion"),
)
_Parts = dict[str, str]  # from what a tensor means to its key


@dataclass(frozen=True)
class Patch:
    """Change one place of the transformer; rows and their order are those of the file."""

    place: Place
    delta: Delta
    magnitude: Magnitude | None = None

    @property
    def algebra(self) -> str:
        """Name the algebra as its users do."""
        return self.delta.algebra if self.magnitude is None else f"DoRA over {self.delta.algebra}"


@dataclass(frozen=True)
class Lora:
    """Hold what one file changes in a transformer, and the keys that nothing was found for."""

    name: str
    files: tuple[Path, ...]
    naming: tuple[str, ...]  # the families of names met
    patches: tuple[Patch, ...]
    unmatched: tuple[str, ...] = ()  # keys of no layer that a transformer of FLUX.2 has
    text_encoder: tuple[str, ...] = ()  # keys of a text encoder's layers
    hint: str = ""  # what the unmatched keys look like

    @property
    def algebras(self) -> tuple[str, ...]:
        """Name the algebras met, each once."""
        return tuple(sorted({patch.algebra for patch in self.patches}))


def read_lora(path: Path) -> Lora:
    """Read a LoRA: a .safetensors file, or a folder that holds one with PEFT's adapter_config.json.

    Every tensor is read once and must be finite. Keys of unknown layers and of text encoders are listed in the result
    and refused where it is applied, unless allowed there. UnknownLayoutError if nothing in it adapts FLUX.2's
    transformer, or for an algebra that is not read; WeightsError, naming all of them, for factors that are missing, do
    not fit each other or stand twice.
    """
    source = open_checkpoint(path)
    refuse_other_algebras(source.name, source.forms)
    layers, naming, unmatched, text_encoder = _sorted_out(source)
    hint = _hint(unmatched)
    if not layers:
        raise UnknownLayoutError(_nothing(source, text_encoder, hint), unexpected=(*unmatched, *text_encoder))
    builder = _Builder(source, _declared(source, path))
    patches = [builder.patch(place, layer, parts) for place, (layer, parts) in sorted(layers.items())]
    builder.refuse_faults()
    bad = nonfinite(source)
    if bad:
        raise WeightsError(f"{source.name} holds values that are not finite", mismatched=bad)
    return Lora(
        source.name,
        source.files,
        tuple(sorted(naming)),
        tuple(patch for patch in patches if patch is not None),
        tuple(unmatched),
        tuple(text_encoder),
        hint,
    )


def _sorted_out(
    source: Checkpoint,
) -> tuple[dict[Place, tuple[str, _Parts]], set[str], list[str], list[str]]:
    """Sort keys by place; return places with their layer's name and parts, titles of naming, and what is left."""
    layers: dict[Place, tuple[str, _Parts]] = {}
    naming: set[str] = set()
    unmatched: list[str] = []
    text_encoder: list[str] = []
    twice: list[str] = []
    for key in source.forms:
        parameter = parameter_of(key)
        found = None if parameter is None else _place(parameter.layer)
        if parameter is None or found is None:
            (text_encoder if _is_text_encoders(key, parameter) else unmatched).append(key)
            continue
        family, place = found
        naming.add(family.title)
        _, parts = layers.setdefault(place, (parameter.layer, {}))
        if parameter.meaning in parts:
            twice.append(f"{key} and {parts[parameter.meaning]}")
        parts[parameter.meaning] = key
    if twice:
        raise WeightsError(f"{source.name} says the same twice, or holds two adapters", unexpected=twice)
    _refuse_overlaps(source.name, layers)
    return layers, naming, unmatched, text_encoder


def _place(layer: str) -> tuple[Naming, Place] | None:
    for naming in NAMINGS:
        place = naming.place(layer)
        if place is not None:
            return naming, place
    return None


def _is_text_encoders(key: str, parameter: Parameter | None) -> bool:
    return is_text_encoders(key if parameter is None else parameter.layer)


def _refuse_overlaps(source: str, layers: Mapping[Place, tuple[str, _Parts]]) -> None:
    """Raise where two names stand for the same rows: q, k, v beside their fused layer, or both orders of halves."""
    of_layer: dict[str, set[tuple[int, bool]]] = {}
    for place in layers:
        of_layer.setdefault(place.layer, set()).add((place.parts, place.halves_swapped))
    twice = [layer for layer, ways in of_layer.items() if len(ways) > 1]
    if twice:
        raise WeightsError(f"{source} adapts the same layers under two names", unexpected=twice)


def _declared(source: Checkpoint, path: Path) -> peft.Declared | None:
    """Return the configuration that holds for this file: its metadata's, or PEFT's file beside PEFT-wrapped names."""
    text = source.metadata.get(peft.METADATA_KEY)
    if text is not None:
        return peft.declared(source.name, text, peft.NAMING.prefixes[0])
    config = (path if path.is_dir() else path.parent) / peft.CONFIG_NAME
    wrapped = all(key.startswith("base_model.model.") for key in source.forms)
    if not wrapped or not config.is_file():
        return None
    try:
        with config.open("rb") as file:
            return peft.declared(config.name, file.read(peft.MAX_CONFIG_BYTES + 1).decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"{config.name} cannot be read: {error}") from error


class _Builder:
    """Put factors together and collect every fault, so that one error names them all."""

    def __init__(self, source: Checkpoint, declared: peft.Declared | None) -> None:
        self.source = source
        self.declared = declared
        self.missing: list[str] = []
        self.mismatched: list[str] = []

    def refuse_faults(self) -> None:
        """Raise WeightsError if any layer had one."""
        if self.missing or self.mismatched:
            raise WeightsError(
                f"{self.source.name} holds factors that do not make a change of a weight",
                missing=self.missing,
                mismatched=self.mismatched,
            )

    def patch(self, place: Place, layer: str, parts: _Parts) -> Patch | None:
        """Return the change of one place; None if its factors are faulty."""
        faults = len(self.missing) + len(self.mismatched)
        self._check_forms(parts)
        meanings = parts.keys() - {"alpha", "magnitude"}
        if not meanings:
            self.missing.append(f"the factors of {layer}")
        else:
            wanted = _wanted(meanings)
            self.missing += [f"{layer}, {meaning}" for meaning in wanted if meaning not in meanings]
            self.mismatched += [f"{parts[extra]} beside {', '.join(wanted)}" for extra in meanings - set(wanted)]
        if faults != len(self.missing) + len(self.mismatched):
            return None
        delta = self._delta(layer, parts)
        if delta is None:
            return None
        magnitude = self._magnitude(parts, delta.shape)
        return None if faults != len(self.mismatched) + len(self.missing) else Patch(place, delta, magnitude)

    def _check_forms(self, parts: _Parts) -> None:
        for meaning, key in parts.items():
            form = self.source.forms[key]
            matrix = meaning not in ("alpha", "magnitude")
            if matrix and (len(form.shape) != 2 or not form.dtype.is_floating_point):
                self.mismatched.append(f"{key} {form.shape} of {form.dtype} instead of a matrix of floats")
            if meaning == "alpha" and form.shape not in ((), (1,)):
                self.mismatched.append(f"{key} {form.shape} instead of one number")

    def _delta(self, layer: str, parts: _Parts) -> Delta | None:
        if "down" in parts:
            rank = self._rank(parts, "up", "down")
            if rank is None or not self._as_declared(layer, parts, rank):
                return None
            return LowRank(self._tensor(parts, "down"), self._tensor(parts, "up"), self._scale(layer, parts, rank))
        if "hada_w1_a" in parts:
            rank = self._rank(parts, "hada_w1_a", "hada_w1_b")
            second = self._rank(parts, "hada_w2_a", "hada_w2_b")
            if rank is None or second is None:
                return None
            delta = Hadamard(
                self._tensor(parts, "hada_w1_a"),
                self._tensor(parts, "hada_w1_b"),
                self._tensor(parts, "hada_w2_a"),
                self._tensor(parts, "hada_w2_b"),
                scale=self._scale(layer, parts, rank),
            )
            if (delta.second_up.shape[0], delta.second_down.shape[1]) != delta.shape:
                self.mismatched.append(f"the two products of {layer} differ in shape")
            return delta
        return self._kronecker(layer, parts)

    def _kronecker(self, layer: str, parts: _Parts) -> Delta | None:
        rank: int | None = None
        # LyCORIS divides by the rank of the second factor where both are products.
        for one in ("lokr_w1", "lokr_w2"):
            if one not in parts:
                rank = self._rank(parts, f"{one}_a", f"{one}_b")
                if rank is None:
                    return None
        thin = {one: one not in parts for one in ("lokr_w1", "lokr_w2")}
        return Kronecker(
            self._tensor(parts, "lokr_w1_a" if thin["lokr_w1"] else "lokr_w1"),
            self._tensor(parts, "lokr_w2_a" if thin["lokr_w2"] else "lokr_w2"),
            self._tensor(parts, "lokr_w1_b") if thin["lokr_w1"] else None,
            self._tensor(parts, "lokr_w2_b") if thin["lokr_w2"] else None,
            scale=self._scale(layer, parts, rank),
        )

    def _rank(self, parts: _Parts, up: str, down: str) -> int | None:
        """Return the rank that both thin matrices show; None, and a fault, where they disagree or it is too large."""
        outer, inner = self.source.forms[parts[up]].shape, self.source.forms[parts[down]].shape
        if outer[1] != inner[0]:
            self.mismatched.append(f"{parts[up]} {outer} and {parts[down]} {inner} have different ranks")
            return None
        if outer[1] > MAX_RANK:
            self.mismatched.append(f"{parts[up]} has the rank {outer[1]}, more than {MAX_RANK}")
            return None
        return outer[1]

    def _as_declared(self, layer: str, parts: _Parts, rank: int) -> bool:
        wanted = rank if self.declared is None else self.declared.rank_of(_plain(layer))
        if wanted != rank:
            self.mismatched.append(f"{parts['down']} has the rank {rank}, and the file's configuration says {wanted}")
        return wanted == rank

    def _scale(self, layer: str, parts: _Parts, rank: int | None) -> float:
        """Return alpha / rank; 1 where nobody gives an alpha, or where there is no rank to divide it by."""
        if "alpha" in parts:
            alpha = float(self._tensor(parts, "alpha").float().item())
            if alpha == 0:  # to LyCORIS it means the rank, to others nothing: neither is guessed
                self.mismatched.append(f"{parts['alpha']} is 0 instead of the rank or another number")
            return 1.0 if rank is None else alpha / rank
        if self.declared is None:
            return 1.0
        return self.declared.scale_of(_plain(layer), rank or self.declared.rank_of(_plain(layer)))

    def _magnitude(self, parts: _Parts, shape: tuple[int, int]) -> Magnitude | None:
        if "magnitude" not in parts:
            return None
        lengths = self._tensor(parts, "magnitude")
        if lengths.ndim == 1:  # PEFT's
            lengths = lengths[:, None]
        if tuple(lengths.shape) not in ((shape[0], 1), (1, shape[1])):
            self.mismatched.append(
                f"{parts['magnitude']} {tuple(lengths.shape)} instead of {(shape[0], 1)} or {(1, shape[1])}"
            )
        return Magnitude(lengths)

    def _tensor(self, parts: _Parts, meaning: str) -> Tensor:
        return self.source.tensor(parts[meaning])


def _wanted(meanings: Collection[str]) -> list[str]:
    """Return the factors that a layer should have, by those that it has: of one algebra, and no others."""
    if "down" in meanings or "up" in meanings:
        return ["down", "up"]
    if any(meaning.startswith("hada_") for meaning in meanings):
        return ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"]
    wanted = []
    for factor in ("lokr_w1", "lokr_w2"):  # each whole, or as a product
        product = [f"{factor}_a", f"{factor}_b"]
        wanted += product if any(part in meanings for part in product) else [factor]
    return wanted


def _plain(layer: str) -> str:
    """Return a layer's name as the module has it that PEFT wrapped."""
    for prefix in ("transformer.", "base_model.model."):
        layer = layer.removeprefix(prefix)
    return layer


def _hint(unmatched: Iterable[str]) -> str:
    """Say what unmatched keys look like: another model's, or known ones misspelled."""
    layers: dict[str, None] = {}
    for key in unmatched:
        for pattern, model in _OTHER_MODELS:
            if pattern.search(key):
                return f"{key} looks like a LoRA of {model}"
        parameter = parameter_of(key)
        layers[key if parameter is None else parameter.layer] = None
    near = [f"{layer}: did you mean {name}?" for layer in list(layers)[:_SUGGESTIONS] if (name := _nearest(layer))]
    return " ".join(near)


def _nearest(layer: str) -> str | None:
    return next((near for naming in NAMINGS if (near := naming.nearest(layer)) is not None), None)


def _nothing(source: Checkpoint, text_encoder: list[str], hint: str) -> str:
    if text_encoder:
        return (
            f"{source.name} adapts a text encoder and nothing else; only LoRAs of the transformer are read. Train it"
            " with the text encoder left out"
        )
    if not any(parameter_of(key) for key in source.forms):
        return f"{source.name} is no LoRA: none of its {len(source.forms)} tensors is named as a LoRA's are"
    return f"{source.name} adapts no layer of FLUX.2's transformer{'; ' if hint else ''}{hint}"
