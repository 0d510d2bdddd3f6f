"""Weights in NVIDIA's 4-bit floating point, as BFL and ComfyUI write them → the weights that they stand for.

Two E2M1 codes a byte, an e4m3 scale for every 16 columns, one fp32 scale for all: w = code · (scale · block scale).
Producers differ in which half of a byte stands first and in how block scales are laid out, and no header says so: both
are taken from the producer's marks, checked against the numbers, and named in the format. Knows no module.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.fp8 import float8_layers
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.quantised_layers import (
    COMFY_DECLARATION,
    FILE_DAMAGED,
    NVFP4,
    NVFP4_GROUP,
    Declaration,
    PackedLayer,
    declared_in_header,
    require_scalar,
    scalar,
    unpacked,
)

# "row-major": (out, in / 16). "swizzled": the tiles of 128 × 4 that cuBLAS reads, padded to whole ones.
ScaleLayout = Literal["row-major", "swizzled"]
# Which half of a byte holds the even column: ComfyUI and BFL the high one, NVIDIA's ModelOpt the low one.
Nibbles = Literal["high first", "low first"]

_E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)
_TILE_ROWS, _TILE_COLUMNS = 128, 4
# Layers that are looked at to tell the layout: 128 rows of each, half a MB of the largest.
_WITNESSES = 4
# In weights drawn from a bell curve the right layout spreads the groups' energies half as much as the wrong one, in
# weights of any structure less than that.
_DECISIVE = 0.8
# Of 4 bits, the right reading of a weight is off by a tenth of its size, and a wrong one by more than all of it.
_FITS_REFERENCE = 0.3


@dataclass(frozen=True)
class Packing:
    """Say what the bytes alone do not: how block scales lie, and which half of a byte is the even column."""

    scales: ScaleLayout
    nibbles: Nibbles = "high first"

    @property
    def format(self) -> str:
        """Name the format as messages do: `nvfp4 (swizzled scales, high nibble first)`."""
        return f"nvfp4 ({self.scales} scales, {self.nibbles.replace(' ', ' nibble ')})"


@dataclass(frozen=True, eq=False)
class NVFP4Weight:
    """Hold codes and both scales as their file has them."""

    codes: Tensor  # (out, in / 2), uint8
    block_scales: Tensor  # float8_e4m3fn; (out, in / 16), or padded to (multiple of 128, multiple of 4) when swizzled
    scale: Tensor  # (), float32
    packing: Packing
    input_scale: Tensor | None = None  # (), float32
    full_precision: bool = False  # its producer found products of 4-bit inputs too coarse

    @property
    def format(self) -> str:
        """Name the format as messages do, with the layout that was taken."""
        return self.packing.format

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape unpacked: rows are outputs."""
        return (self.codes.shape[0], 2 * self.codes.shape[1])

    @property
    def nbytes(self) -> int:
        """Count the bytes of codes and scales, padding included."""
        parts = (self.codes, self.block_scales, self.scale, self.input_scale)
        return sum(part.nbytes for part in parts if part is not None)

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return code · (scale · block scale), multiplied in float32 in that order as ComfyUI does, cast to `dtype`."""
        pairs = _pairs(self.packing.nibbles).to(self.codes.device)
        values = functional.embedding(self.codes.int(), pairs).reshape(self.shape[0], -1, NVFP4_GROUP)
        groups = self.scale * _in_rows(self.block_scales, self._groups, self.packing.scales).float()  # (out, in / 16)
        return values.mul_(groups.unsqueeze(-1)).reshape(self.shape).to(dtype)

    def rows(self, start: int, stop: int) -> NVFP4Weight:
        """Return some of the rows, sharing memory; swizzled scales are cut only between tiles of 128 rows.

        ValueError for another cut, and unless 0 ≤ start < stop ≤ rows.
        """
        count = self.shape[0]
        swizzled = self.packing.scales == "swizzled"
        if not 0 <= start < stop <= count:
            raise ValueError(f"rows {start} to {stop} of a weight of {self.shape}")
        if swizzled and (start % _TILE_ROWS or (stop % _TILE_ROWS and stop != count)):
            raise ValueError(f"rows {start} to {stop}: swizzled scales are cut at multiples of {_TILE_ROWS} only")
        stop_scales = _up(stop, _TILE_ROWS) if swizzled else stop
        return replace(self, codes=self.codes[start:stop], block_scales=self.block_scales[start:stop_scales])

    def to(self, device: torch.device) -> NVFP4Weight:
        """Return it on another device."""
        return replace(
            self,
            codes=self.codes.to(device),
            block_scales=self.block_scales.to(device),
            scale=self.scale.to(device),
            input_scale=None if self.input_scale is None else self.input_scale.to(device),
        )

    @property
    def _groups(self) -> tuple[int, int]:
        return self.shape[0], self.shape[1] // NVFP4_GROUP


def unpack(source: WeightSource, reference: WeightSource | None = None) -> UnpackedSource | None:
    """Read NVFP4 weights with the header's `_quantization_metadata`, float8 ones among them; None without NVFP4.

    Without that mark nothing tells the producer: WeightsError, unless `reference` has some of the weights unpacked; it
    then settles the packing. WeightsError as well for scales that do not fit. Reads some rows of a few layers.
    """
    if any(name.endswith(COMFY_DECLARATION) for name in source.forms):
        return None
    declared = declared_in_header(source)
    said = [stem for stem, one in (declared or {}).items() if one.format == NVFP4]
    if not said and not any(name.endswith(".weight_scale_2") for name in source.forms):
        return None
    layers = nvfp4_layers(source, declared, reference)
    taken = {name for layer in layers for name in (layer.name, *layer.helpers)}
    return unpacked(source, [*layers, *float8_layers(source, _but_nvfp4(declared), taken)])


def _but_nvfp4(declared: Mapping[str, Declaration] | None) -> Mapping[str, Declaration] | None:
    return None if declared is None else {stem: one for stem, one in declared.items() if one.format != NVFP4}


def nvfp4_layers(
    source: WeightSource,
    declared: Mapping[str, Declaration] | None,
    reference: WeightSource | None = None,
    *,
    by_comfy: bool = False,
) -> list[PackedLayer]:
    """Return the NVFP4 layers of a source: those with a second scale, which have to be those that are declared.

    `by_comfy` where ComfyUI itself declared them. WeightsError, naming all tensors, for scales that are missing or of
    another shape, and where the packing cannot be told or its marks contradict the numbers.
    """
    present = {name.removesuffix(".weight_scale_2") for name in source.forms if name.endswith(".weight_scale_2")}
    stems = sorted(present.union(stem for stem, one in (declared or {}).items() if one.format == NVFP4))
    _require_whole(source, stems, declared)
    layouts = _common_layouts(source, stems)
    if reference is not None:
        packing = _packing_of_reference(source, stems, layouts, reference)
    else:
        packing = _packing_of_producer(source, stems, layouts, declared is not None, by_comfy)
    return [_layer(source, stem, packing, (declared or {}).get(stem)) for stem in stems]


# --- what has to be there ----------------------------------------------------------------------------------------


def _require_whole(source: WeightSource, stems: Sequence[str], declared: Mapping[str, Declaration] | None) -> None:
    forms = source.forms
    parts = (".weight", ".weight_scale", ".weight_scale_2")
    missing = [stem + part for stem in stems for part in parts if stem + part not in forms]
    undeclared = [
        f"{stem}.weight"
        for stem in stems
        if declared is not None and getattr(declared.get(stem), "format", "") != NVFP4
    ]
    mismatched = [
        f"{stem}.weight {forms[f'{stem}.weight'].shape} of {forms[f'{stem}.weight'].dtype}"
        for stem in stems
        if f"{stem}.weight" in forms and not _is_packed(forms[f"{stem}.weight"].dtype, forms[f"{stem}.weight"].shape)
    ]
    if missing or undeclared or mismatched:
        raise WeightsError(
            f"{source.name} holds nvfp4 weights and scales that do not belong together; {FILE_DAMAGED}",
            missing=missing,
            unexpected=undeclared,
            mismatched=mismatched,
        )
    for stem in stems:
        scales = forms[f"{stem}.weight_scale"]
        if scales.dtype not in (torch.float8_e4m3fn, torch.uint8):
            raise WeightsError(
                f"{source.name}: {stem}.weight_scale is {scales.dtype}, not float8_e4m3fn; {FILE_DAMAGED}"
            )
        if not _possible_layouts(source, stem):
            rows, groups = _grid(source, stem)
            raise WeightsError(
                f"{source.name}: {stem}.weight_scale is {scales.shape}, and neither ({rows}, {groups}) nor padded to"
                f" ({_up(rows, _TILE_ROWS)}, {_up(groups, _TILE_COLUMNS)}); {FILE_DAMAGED}"
            )
        require_scalar(source, f"{stem}.weight_scale_2")
        if f"{stem}.input_scale" in forms:
            require_scalar(source, f"{stem}.input_scale")


def _is_packed(dtype: torch.dtype, shape: tuple[int, ...]) -> bool:
    return dtype == torch.uint8 and len(shape) == 2 and shape[1] % (NVFP4_GROUP // 2) == 0


def _grid(source: WeightSource, stem: str) -> tuple[int, int]:
    rows, half = source.forms[f"{stem}.weight"].shape
    return rows, 2 * half // NVFP4_GROUP


def _possible_layouts(source: WeightSource, stem: str) -> tuple[ScaleLayout, ...]:
    """Return the layouts that the shape of the scales allows: both where rows and groups fill whole tiles."""
    rows, groups = _grid(source, stem)
    shape = source.forms[f"{stem}.weight_scale"].shape
    plain: tuple[ScaleLayout, ...] = ("row-major",) if shape == (rows, groups) else ()
    padded = (_up(rows, _TILE_ROWS), _up(groups, _TILE_COLUMNS))
    return (*plain, "swizzled") if shape == padded else plain


def _layer(source: WeightSource, stem: str, packing: Packing, declaration: Declaration | None) -> PackedLayer:
    scale_names = [f"{stem}.weight_scale", f"{stem}.weight_scale_2"]
    has_input = f"{stem}.input_scale" in source.forms
    rows, half = source.forms[f"{stem}.weight"].shape

    def read() -> NVFP4Weight:
        return NVFP4Weight(
            source.tensor(f"{stem}.weight"),
            _block_scales(source, f"{stem}.weight_scale"),
            scalar(source, f"{stem}.weight_scale_2"),
            packing,
            scalar(source, f"{stem}.input_scale") if has_input else None,
            declaration is not None and declaration.full_precision,
        )

    helpers = (*scale_names, *((f"{stem}.input_scale",) if has_input else ()))
    return PackedLayer(f"{stem}.weight", (rows, 2 * half), packing.format, helpers, read)


def _block_scales(source: WeightSource, name: str) -> Tensor:
    """Return e4m3 scales; raise WeightsError for NaN and for negative ones. A group of zeros has the scale zero."""
    codes = source.tensor(name).view(torch.uint8)
    if bool((codes >= 0x7F).any()):  # 0x7F is NaN, and from 0x80 on the sign is set
        raise WeightsError(f"{source.name}: {name} holds scales that are not finite and positive; {FILE_DAMAGED}")
    return codes.view(torch.float8_e4m3fn)


# --- how it is packed --------------------------------------------------------------------------------------------


def _common_layouts(source: WeightSource, stems: Sequence[str]) -> tuple[ScaleLayout, ...]:
    """Return the layouts that the shapes of all scales allow: a file has one producer."""
    allowed = [_possible_layouts(source, stem) for stem in stems]
    layouts = tuple(layout for layout in allowed[0] if all(layout in others for others in allowed))
    if not layouts:
        raise WeightsError(
            f"{source.name} has row-major scales of some nvfp4 layers and swizzled ones of others; {FILE_DAMAGED}"
        )
    return layouts


def _packing_of_producer(
    source: WeightSource, stems: Sequence[str], layouts: Sequence[ScaleLayout], marked: bool, by_comfy: bool
) -> Packing:
    """Return the packing by the producer's mark, which the numbers must not contradict.

    ComfyUI's mark says: high nibble first, scales swizzled. The header's alone leaves the scales open: of BFL's dev
    file, both were reported. WeightsError where nothing tells.
    """
    if not marked:
        raise WeightsError(
            f"{source.name} holds nvfp4 weights and no mark of who packed them; which half of a byte stands first"
            " cannot be seen: bring a file with _quantization_metadata or comfy_quant (BFL's and ComfyUI's have them),"
            " or the bf16 one"
        )
    told = layouts[0] if len(layouts) == 1 else _told_by_numbers(source, stems)
    if by_comfy and told == "row-major":
        raise WeightsError(
            f"{source.name}: its nvfp4 scales are row-major and its comfy_quant means swizzled ones; bring a file that"
            " ComfyUI's own tools wrote, or the bf16 one"
        )
    if told is None and not by_comfy:
        raise WeightsError(
            f"{source.name}: whether its nvfp4 scales are row-major or swizzled can be seen neither in their shapes nor"
            " in their numbers; bring the bf16 file"
        )
    return Packing(told or "swizzled")


def _told_by_numbers(source: WeightSource, stems: Sequence[str]) -> ScaleLayout | None:
    """Return the layout in which the groups' energies spread least; None where that is not clear.

    A group's codes are its weights divided by its largest: one with an outlier has small codes and a large scale. With
    its own scale the group is as strong again as its row and column let expect, with another group's it is not.
    """
    spreads: dict[ScaleLayout, float] = {"row-major": 0.0, "swizzled": 0.0}
    for stem in stems[:: max(1, len(stems) // _WITNESSES)][:_WITNESSES]:
        codes, scales = _first_rows(source, stem)
        energies = functional.embedding(codes.int(), _pairs("high first")).square().sum(-1)  # (rows, in / 2)
        energies = energies.reshape(len(codes), -1, NVFP4_GROUP // 2).sum(-1)  # (rows, groups)
        for layout in spreads:
            spreads[layout] += _spread(energies * _in_rows(scales, tuple(energies.shape), layout).float().square())
    least = min(spreads, key=lambda layout: spreads[layout])
    return least if spreads[least] < _DECISIVE * max(spreads.values()) else None


def _spread(energies: Tensor) -> float:
    """Return the variance of the logarithms that rows and columns do not explain; empty groups do not count."""
    logarithms = torch.where(energies > 0, energies, torch.nan).log()
    rows, columns = logarithms.nanmean(1, keepdim=True), logarithms.nanmean(0, keepdim=True)
    left = logarithms - rows - columns + logarithms.nanmean()
    return float(left.square().nanmean().nan_to_num())


def _packing_of_reference(
    source: WeightSource, stems: Sequence[str], layouts: Collection[ScaleLayout], reference: WeightSource
) -> Packing:
    """Return the packing that gives the reference's weights; raise WeightsError if none does."""
    for stem in stems:
        name = f"{stem}.weight"
        rows, groups = _grid(source, stem)
        if name not in reference.forms or reference.forms[name].shape != (rows, NVFP4_GROUP * groups):
            continue
        codes, scales = _first_rows(source, stem)
        wanted = reference.tensor(name)[: len(codes)].float()
        scale = scalar(source, f"{stem}.weight_scale_2")
        orders: tuple[Nibbles, ...] = ("high first", "low first")
        errors = {}
        for layout, nibbles in itertools.product(layouts, orders):
            packing = Packing(layout, nibbles)
            error = NVFP4Weight(codes, scales, scale, packing).dequantised() - wanted
            errors[packing] = float(error.norm() / wanted.norm())
        best = min(errors, key=lambda packing: errors[packing])
        if errors[best] < _FITS_REFERENCE:
            return best
        raise WeightsError(
            f"{source.name}: {name} is {errors[best]:.0%} off {reference.name}'s however it is unpacked: they are not"
            " the same model"
        )
    raise WeightsError(f"{reference.name} has none of the nvfp4 weights of {source.name} to compare with")


def _first_rows(source: WeightSource, stem: str) -> tuple[Tensor, Tensor]:
    """Return the codes and block scales of a layer's first tile rows; in both layouts their scales stand together."""
    stop = min(_TILE_ROWS, source.forms[f"{stem}.weight"].shape[0])
    scales = source.tensor(f"{stem}.weight_scale").view(torch.uint8).view(torch.float8_e4m3fn)
    swizzled = "row-major" not in _possible_layouts(source, stem)
    return source.tensor(f"{stem}.weight")[:stop], scales[: _TILE_ROWS if swizzled else stop]


# --- the arithmetic ----------------------------------------------------------------------------------------------


def _pairs(nibbles: Nibbles) -> Tensor:
    """Return (256, 2), float32: the even and the odd column that each byte stands for."""
    values = torch.tensor(_E2M1)
    byte = torch.arange(256)
    high, low = values[byte >> 4], values[byte & 0x0F]
    return torch.stack((high, low) if nibbles == "high first" else (low, high), dim=-1)


def _in_rows(scales: Tensor, grid: tuple[int, ...], layout: ScaleLayout) -> Tensor:
    """Return block scales as (rows, groups).

    cuBLAS stores a tile of 128 rows × 4 groups as 32 lines of 16: row r stands in line r mod 32, at 4 · (r div 32).
    https://docs.nvidia.com/cuda/cublas/index.html#d-block-scaling-factors-layout
    """
    rows, groups = grid
    if layout == "row-major":
        return scales.reshape(rows, groups)
    down, across = _up(rows, _TILE_ROWS) // _TILE_ROWS, _up(groups, _TILE_COLUMNS) // _TILE_COLUMNS
    tiles = scales.view(torch.uint8).reshape(down, across, 32, 4, _TILE_COLUMNS)  # line, quarter of the rows, group
    ordered = tiles.permute(0, 3, 2, 1, 4).reshape(down * _TILE_ROWS, across * _TILE_COLUMNS)
    return ordered[:rows, :groups].contiguous().view(torch.float8_e4m3fn)


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
