"""The factors of an adaptation → the change of a weight, as a matrix or as what it adds to a layer's output.

LoRA, LoKr, LoHa, and DoRA over any of them, as PEFT and LyCORIS define them. Everything is summed in fp32; factors stay
in the dtype of their file. Knows no names of layers, no files and no model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional


class Delta(Protocol):
    """Change one weight by something that its factors alone decide."""

    @property
    def algebra(self) -> str:
        """Name the algebra as its users do: LoRA, LoKr, LoHa."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """Return (outputs, inputs) of the weight that it changes."""
        ...

    @property
    def factors(self) -> Mapping[str, Tensor]:
        """Return the tensors, by the names of the fields that hold them."""
        ...

    def with_factors(self, factors: Mapping[str, Tensor]) -> Self:
        """Return the same change with its factors elsewhere."""
        ...

    def matrix(self) -> Tensor:
        """Return the change (outputs, inputs), in fp32."""
        ...

    def applied(self, inputs: Tensor) -> Tensor:
        """Return `inputs` (…, inputs) times the transposed change, (…, outputs), in the dtype of `inputs`."""
        ...


@dataclass(frozen=True)
class LowRank:
    """LoRA: scale · up · down."""

    down: Tensor  # (rank, inputs)
    up: Tensor  # (outputs, rank)
    scale: float = 1.0

    @property
    def algebra(self) -> str:
        """Name the algebra."""
        return "LoRA"

    @property
    def shape(self) -> tuple[int, int]:
        """Return (outputs, inputs)."""
        return self.up.shape[0], self.down.shape[1]

    @property
    def factors(self) -> Mapping[str, Tensor]:
        """Return both."""
        return {"down": self.down, "up": self.up}

    def with_factors(self, factors: Mapping[str, Tensor]) -> LowRank:
        """Return the same change with its factors elsewhere."""
        return replace(self, **factors)  # type: ignore[arg-type]

    def matrix(self) -> Tensor:
        """Return the change in fp32."""
        return self.scale * (self.up.float() @ self.down.float())

    def applied(self, inputs: Tensor) -> Tensor:
        """Return what it adds: 2 · rank · (inputs + outputs) operations a token."""
        narrow = self.scale * functional.linear(inputs, self.down.to(inputs.dtype))
        return functional.linear(narrow, self.up.to(inputs.dtype))


@dataclass(frozen=True)
class Kronecker:
    """LoKr: scale · first ⊗ second; either may stand as a product of two thin matrices, its `…_down` then given."""

    first: Tensor  # (outputs₁, inputs₁), or (outputs₁, rank)
    second: Tensor  # (outputs₂, inputs₂), or (outputs₂, rank)
    first_down: Tensor | None = None  # (rank, inputs₁)
    second_down: Tensor | None = None  # (rank, inputs₂)
    scale: float = 1.0

    @property
    def algebra(self) -> str:
        """Name the algebra."""
        return "LoKr"

    @property
    def shape(self) -> tuple[int, int]:
        """Return (outputs, inputs)."""
        first = self.first if self.first_down is None else self.first_down
        second = self.second if self.second_down is None else self.second_down
        return self.first.shape[0] * self.second.shape[0], first.shape[1] * second.shape[1]

    @property
    def factors(self) -> Mapping[str, Tensor]:
        """Return the two to four that there are."""
        every = {name: getattr(self, name) for name in ("first", "second", "first_down", "second_down")}
        return {name: tensor for name, tensor in every.items() if tensor is not None}

    def with_factors(self, factors: Mapping[str, Tensor]) -> Kronecker:
        """Return the same change with its factors elsewhere."""
        return replace(self, **factors)  # type: ignore[arg-type]

    def matrix(self) -> Tensor:
        """Return the change in fp32."""
        return self.scale * torch.kron(_whole(self.first, self.first_down), _whole(self.second, self.second_down))

    def applied(self, inputs: Tensor) -> Tensor:
        """Return what it adds; the product of both is never made: (A ⊗ B) x is A X Bᵀ for x cut into rows X."""
        first = _whole(self.first, self.first_down).to(inputs.dtype)
        second = _whole(self.second, self.second_down).to(inputs.dtype)
        rows = inputs.reshape(*inputs.shape[:-1], first.shape[1], second.shape[1])
        return self.scale * (first @ functional.linear(rows, second)).flatten(-2)


@dataclass(frozen=True)
class Hadamard:
    """LoHa: scale · (first_up · first_down) ∘ (second_up · second_down), multiplied element by element."""

    first_up: Tensor  # (outputs, rank)
    first_down: Tensor  # (rank, inputs)
    second_up: Tensor
    second_down: Tensor
    scale: float = 1.0

    @property
    def algebra(self) -> str:
        """Name the algebra."""
        return "LoHa"

    @property
    def shape(self) -> tuple[int, int]:
        """Return (outputs, inputs)."""
        return self.first_up.shape[0], self.first_down.shape[1]

    @property
    def factors(self) -> Mapping[str, Tensor]:
        """Return all four."""
        return {
            "first_up": self.first_up,
            "first_down": self.first_down,
            "second_up": self.second_up,
            "second_down": self.second_down,
        }

    def with_factors(self, factors: Mapping[str, Tensor]) -> Hadamard:
        """Return the same change with its factors elsewhere."""
        return replace(self, **factors)  # type: ignore[arg-type]

    def matrix(self) -> Tensor:
        """Return the change in fp32."""
        first, second = _whole(self.first_up, self.first_down), _whole(self.second_up, self.second_down)
        return self.scale * (first * second)

    def applied(self, inputs: Tensor) -> Tensor:
        """Return what it adds, through the thinner of two exact forms: a product of rank₁ · rank₂, or the matrix."""
        rank = self.first_down.shape[0] * self.second_down.shape[0]
        if rank >= min(self.shape):
            return functional.linear(inputs, self.matrix().to(inputs.dtype))
        # Σ over pairs of ranks of (column · column) (row · row): every pair is one rank of a plain product.
        up = torch.einsum("oa,ob->oab", self.first_up.float(), self.second_up.float()).flatten(1)
        down = torch.einsum("ai,bi->abi", self.first_down.float(), self.second_down.float()).flatten(0, 1)
        return LowRank(down, up, self.scale).applied(inputs)


@dataclass(frozen=True)
class Magnitude:
    """DoRA: after the change, every row (or column) of the weight gets a length of its own."""

    lengths: Tensor  # (outputs, 1), or (1, inputs) where LyCORIS has measured columns

    def gain(self, changed: Tensor) -> Tensor:
        """Return what multiplies the `changed` weight (outputs, inputs) to these lengths: (outputs, 1) or (1, inputs).

        The lengths before are those of the changed weight, as in PEFT, LyCORIS and the paper.
        """
        lengths = self.lengths.to(changed.device, changed.dtype)
        before: Tensor = torch.linalg.vector_norm(changed, dim=1 if lengths.shape[1] == 1 else 0, keepdim=True)
        return lengths / before


def change(base: Tensor, delta: Delta, magnitude: Magnitude | None) -> Tensor:
    """Return what a full-strength adaptation adds to the weight `base` (outputs, inputs): fp32 or wider."""
    added = delta.matrix().to(base.dtype)
    if magnitude is None:
        return added
    changed = base + added
    return changed * magnitude.gain(changed) - base


def added_output(
    delta: Delta, gain: Tensor | None, inputs: Tensor, base_output: Tensor, base: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return what a full-strength adaptation adds to a layer's output (…, outputs), its weight left alone.

    `gain` is DoRA's, for rows or columns; `base_output` is what the layer gives without the adaptation, `base` the
    layer itself, asked once more only where columns have gains.
    """
    if gain is None:
        return delta.applied(inputs)
    gain = gain.to(inputs.dtype)
    if gain.shape[1] == 1:  # g ∘ ((W + ΔW) x) − W x
        rows = gain[:, 0]
        return (rows - 1) * base_output + rows * delta.applied(inputs)
    columns = gain[0]  # (W + ΔW)(g ∘ x) − W x
    return base((columns - 1) * inputs) + delta.applied(columns * inputs)


def _whole(factor: Tensor, down: Tensor | None) -> Tensor:
    return factor.float() if down is None else factor.float() @ down.float()
