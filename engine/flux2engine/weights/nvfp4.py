"""Files of weights in NVIDIA's 4-bit floating point, as BFL and ComfyUI write them → packed weights.

`X.weight` has two codes a byte, `X.weight_scale` the block scales, `X.weight_scale_2` the scale of all. Producers
differ in which half of a byte stands first and in how block scales are laid out, and no header says so: both are taken
from the producer's marks, checked against the numbers, and named in the format. Knows no module.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from flux2engine.errors import WeightsError
from flux2engine.weights.checkpoint import WeightSource
from flux2engine.weights.fp8 import float8_layers
from flux2engine.weights.nvfp4_weight import (
    GROUP,
    TILE_GROUPS,
    TILE_ROWS,
    Nibbles,
    NVFP4Weight,
    Packing,
    ScaleLayout,
    in_rows,
    padded,
    pairs,
)
from flux2engine.weights.packed import UnpackedSource
from flux2engine.weights.quantised_layers import (
    COMFY_DECLARATION,
    FILE_DAMAGED,
    NVFP4,
    Declaration,
    PackedLayer,
    declared_in_header,
    require_scalar,
    scalar,
    unpacked,
)

# Layers that are looked at to tell the layout: 128 rows of each, half a MB of the largest.
_WITNESSES = 4
# In weights drawn from a bell curve the right layout spreads the groups' energies half as much as the wrong one, in
# weights of any structure less than that.
_DECISIVE = 0.8
# Four bits are off a bf16 weight by a tenth of its size, and another model's weights by more than all of it.
_FITS_REFERENCE = 0.3


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
        _require_scales(source, stem)


def _require_scales(source: WeightSource, stem: str) -> None:
    forms = source.forms
    scales = forms[f"{stem}.weight_scale"]
    if scales.dtype not in (torch.float8_e4m3fn, torch.uint8):
        raise WeightsError(f"{source.name}: {stem}.weight_scale is {scales.dtype}, not float8_e4m3fn; {FILE_DAMAGED}")
    if not _possible_layouts(source, stem):
        rows, groups = _grid(source, stem)
        raise WeightsError(
            f"{source.name}: {stem}.weight_scale is {scales.shape}, and neither ({rows}, {groups}) nor padded to"
            f" ({padded(rows, TILE_ROWS)}, {padded(groups, TILE_GROUPS)}); {FILE_DAMAGED}"
        )
    require_scalar(source, f"{stem}.weight_scale_2")
    if f"{stem}.input_scale" in forms:
        require_scalar(source, f"{stem}.input_scale")


def _is_packed(dtype: torch.dtype, shape: tuple[int, ...]) -> bool:
    return dtype == torch.uint8 and len(shape) == 2 and shape[1] % (GROUP // 2) == 0


def _grid(source: WeightSource, stem: str) -> tuple[int, int]:
    rows, half = source.forms[f"{stem}.weight"].shape
    return rows, 2 * half // GROUP


def _possible_layouts(source: WeightSource, stem: str) -> tuple[ScaleLayout, ...]:
    """Return the layouts that the shape of the scales allows: both where rows and groups fill whole tiles."""
    rows, groups = _grid(source, stem)
    shape = source.forms[f"{stem}.weight_scale"].shape
    plain: tuple[ScaleLayout, ...] = ("row-major",) if shape == (rows, groups) else ()
    tiles = (padded(rows, TILE_ROWS), padded(groups, TILE_GROUPS))
    return (*plain, "swizzled") if shape == tiles else plain


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
        energies = functional.embedding(codes.int(), pairs("high first")).square().sum(-1)  # (rows, in / 2)
        energies = energies.reshape(len(codes), -1, GROUP // 2).sum(-1)  # (rows, groups)
        for layout in spreads:
            spreads[layout] += _spread(energies * in_rows(scales, tuple(energies.shape), layout).float().square())
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
        if name not in reference.forms or reference.forms[name].shape != (rows, GROUP * groups):
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
    stop = min(TILE_ROWS, source.forms[f"{stem}.weight"].shape[0])
    scales = source.tensor(f"{stem}.weight_scale").view(torch.uint8).view(torch.float8_e4m3fn)
    swizzled = "row-major" not in _possible_layouts(source, stem)
    return source.tensor(f"{stem}.weight")[:stop], scales[: TILE_ROWS if swizzled else stop]
