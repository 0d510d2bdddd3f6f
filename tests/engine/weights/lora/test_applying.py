"""Beside equals merged; several at once add up; what does not fit is refused before anything is changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from flux2engine.errors import WeightsError
from flux2engine.streaming import Streaming, stream_module
from flux2engine.transformer import Flux2Transformer
from flux2engine.weights.lora import AdaptedLinear, Lora, apply_loras, applying, read_lora
from flux2engine.weights.lora.algebra import Hadamard, Kronecker, LowRank
from flux2engine.weights.packed_linear import PackedLinear, packed_layers
from flux2engine.weights.safetensors_file import write_tensors
from tests.engine.random_weights import randomise
from tests.engine.weights.lora import lora_files
from tests.engine.weights.lora.lora_files import CONFIG, FINAL, FORMATS, adaptation, linear_layers, transformer

FORWARD_TOLERANCE = 2e-5  # relative to the largest velocity; two roundings of fp32 through five blocks


@dataclass(frozen=True)
class CodedWeight:
    """Pack a weight as whole numbers and one scale."""

    codes: Tensor
    scale: float
    format: str = "coded"

    @classmethod
    def of(cls, weight: Tensor) -> CodedWeight:
        """Return the weight packed."""
        scale = float(weight.abs().max()) / 127
        return cls((weight / scale).round().to(torch.int8), scale)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (outputs, inputs)."""
        return tuple(self.codes.shape)

    @property
    def nbytes(self) -> int:
        """Count the bytes of the codes."""
        return self.codes.nbytes

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the weight."""
        return (self.codes.float() * self.scale).to(dtype)

    def rows(self, start: int, stop: int) -> CodedWeight:
        """Return some of the rows."""
        return replace(self, codes=self.codes[start:stop])

    def to(self, device: torch.device) -> CodedWeight:
        """Return it on another device."""
        return replace(self, codes=self.codes.to(device))


def coded() -> tuple[Flux2Transformer, Flux2Transformer]:
    """Return a transformer of packed layers, and a plain one with the weights that they unpack to."""
    packed, plain = transformer(), transformer()
    for name, layer in linear_layers(plain).items():
        # q, k and v packed apart, as formats of diffusers' layout leave them.
        parts = layer.weight.chunk(3) if name.endswith("qkv") else (layer.weight,)
        replacement = PackedLinear([CodedWeight.of(part) for part in parts], torch.device("cpu"))
        parent, _, leaf = name.rpartition(".")
        setattr(packed.get_submodule(parent), leaf, replacement)
        layer.weight = nn.Parameter(replacement.dequantised(torch.float32), requires_grad=False)
    return packed, plain


@torch.no_grad()
def velocity(model: Flux2Transformer) -> Tensor:
    """Return the velocity of two small items."""
    generator = torch.Generator().manual_seed(3)
    image, text = torch.randn(2, 6, 128, generator=generator), torch.randn(2, 4, 48, generator=generator)
    ids = torch.randint(0, 8, (2, 10, 4), generator=generator)
    time, guidance = torch.tensor([0.3, 0.9]), torch.tensor([4.0, 1.0])
    return model(image, ids[:, :6], text, ids[:, 6:], time, guidance)


def distance(one: Tensor, other: Tensor) -> float:
    """Return the largest difference, in units of the largest value."""
    return float((one - other).abs().max() / other.abs().max())


def written(path: Path, form: str = "kohya", seed: int = 6) -> Lora:
    """Write and read one adaptation."""
    return read_lora(lora_files.write(path / f"{seed}.safetensors", form, adaptation(seed)))


def mild(seed: int = 6) -> float:
    """Return a strength at which the model's answer still depends smoothly on its weights."""
    return 0.3 + 0.01 * seed


@pytest.mark.parametrize(
    "form",
    ["diffusers", "kohya, q k v joined", "LoKr", "LoHa", "DoRA", "DoRA by columns", "DoRA by columns, diffusers"],
)
def test_beside_equals_merged(form: str, tmp_path: Path) -> None:
    """Beside a layer, a LoRA adds what merging it would; on packed weights too, where beside is the default."""
    lora = written(tmp_path, form)
    merged, beside = transformer(), transformer()
    apply_loras(merged, [(lora, mild())])
    said = apply_loras(beside, [(lora, mild())], way="beside")
    assert said.merged == ()
    assert set(said.beside) == set(linear_layers(transformer()))
    assert distance(velocity(beside), velocity(merged)) < FORWARD_TOLERANCE
    assert distance(velocity(transformer()), velocity(merged)) > 0.05

    packed, plain = coded()
    said = apply_loras(packed, [(lora, mild())])
    assert said.merged == ()
    assert set(said.beside) == set(linear_layers(plain))
    assert len(packed_layers(packed, torch.device("cpu"))) == len(said.beside)  # still packed
    apply_loras(plain, [(lora, mild())])
    assert distance(velocity(packed), velocity(plain)) < FORWARD_TOLERANCE


@pytest.mark.parametrize(
    "fact",
    [
        ("strength", lambda term: setattr(term, "strength", 1.1 * term.strength)),
        ("rows", lambda term: setattr(term, "place", applying.Place(term.place.layer, 0, term.place.parts))),
        ("up", lambda term: term.up.mul_(1.01)),
    ],
    ids=lambda fact: fact[0],
)
def test_beside_mutations(fact: tuple[str, Callable[[applying.Term], object]], tmp_path: Path) -> None:
    """Strength, rows, order of halves or factors a little wrong beside, and the equality above fails."""
    lora = written(tmp_path, "diffusers")
    merged, beside = transformer(), transformer()
    apply_loras(merged, [(lora, mild())])
    apply_loras(beside, [(lora, mild())], way="beside")
    for module in beside.modules():
        if isinstance(module, applying.Term):
            fact[1](module)
    assert distance(velocity(beside), velocity(merged)) > 10 * FORWARD_TOLERANCE


@pytest.mark.parametrize("way", ["merged", "beside"])
def test_several_are_linear(way: applying.Way, tmp_path: Path) -> None:
    """Several at once change by the sum of what each does alone, whatever their formats and in any order."""
    first, second, third = written(tmp_path, "kohya"), written(tmp_path, "diffusers", 7), written(tmp_path, "DoRA", 8)
    strengths = [(first, 0.5), (second, -0.25), (third, 0.75)]
    together, reverse = transformer(), transformer()
    apply_loras(together, strengths, way=way)
    apply_loras(reverse, strengths[::-1], way=way)
    alone = []
    for lora, strength in strengths:
        model = transformer()
        apply_loras(model, [(lora, strength)], way=way)
        alone.append(model)
    for name, layer in linear_layers(transformer()).items():
        inputs = torch.randn(5, layer.in_features, generator=torch.Generator().manual_seed(1))

        def answer(model: nn.Module, name: str = name, inputs: Tensor = inputs) -> Tensor:
            return model.get_submodule(name)(inputs)  # type: ignore[no-any-return]

        wanted = answer(transformer()) + sum(answer(model) - answer(transformer()) for model in alone)
        assert distance(answer(together), wanted) < 1e-5
        assert distance(answer(reverse), wanted) < 1e-5
        assert distance(answer(alone[0]), wanted) > 1e-3


def test_strength_takes_back(tmp_path: Path) -> None:
    """A second call adds to the first: beside by another term, merged by another sum; strength 0 does nothing."""
    lora = written(tmp_path)
    for way in ("merged", "beside"):
        model = transformer()
        apply_loras(model, [(lora, 0.4)], way=way)  # type: ignore[arg-type]
        apply_loras(model, [(lora, -0.4)])
        assert distance(velocity(model), velocity(transformer())) < FORWARD_TOLERANCE
        layer = model.get_submodule(FINAL)
        assert isinstance(layer, AdaptedLinear) == (way == "beside")
        assert not isinstance(getattr(layer, "base", None), AdaptedLinear)  # never one in another
    model = transformer()
    assert apply_loras(model, [(lora, 0.0)]).merged == ()
    assert torch.equal(velocity(model), velocity(transformer()))


def test_terms_move_and_are_not_saved(tmp_path: Path) -> None:
    """Factors beside a layer go where the module goes and never into what it saves."""
    model = transformer()
    apply_loras(model, [(written(tmp_path), 1.0)], way="beside")
    assert not [name for name in model.state_dict() if "terms" in name]
    terms = [module for module in model.modules() if isinstance(module, applying.Term)]
    assert terms
    model.to("meta")
    assert all(buffer.device.type == "meta" for term in terms for buffer in term.buffers())


def test_the_old_weight_stays(tmp_path: Path) -> None:
    """Merging makes a new weight: what else holds the old one, a map of its file among them, sees no change."""
    model = transformer()
    old = model.img_in.weight
    copy = old.clone()
    apply_loras(model, [(written(tmp_path), 1.0)])
    assert torch.equal(old, copy)
    assert not torch.equal(model.img_in.weight, copy)
    assert not model.img_in.weight.requires_grad


@pytest.mark.parametrize("rank", [2, 9])
def test_forms_of_loha(rank: int) -> None:
    """LoHa adds the same through both of its forms: the pairs of ranks, and the matrix where those are more."""
    generator = torch.Generator().manual_seed(2)
    up, down = (torch.randn(shape, generator=generator) for shape in ((20, rank), (rank, 30)))
    second_up, second_down = (torch.randn(shape, generator=generator) for shape in ((20, rank), (rank, 30)))
    delta = Hadamard(up, down, second_up, second_down, scale=0.5)
    inputs = torch.randn(3, 7, 30, generator=generator)
    assert distance(delta.applied(inputs), inputs @ delta.matrix().T) < 1e-5


def test_forms_of_lokr() -> None:
    """LoKr adds what its matrix would, whether its factors are whole or products."""
    generator = torch.Generator().manual_seed(2)
    shapes = ((4, 3), (5, 2), (2, 6))
    first, second, second_down = (torch.randn(shape, generator=generator) for shape in shapes)
    inputs = torch.randn(3, 7, 18, generator=generator)
    for delta in (
        Kronecker(first, second, second_down=second_down, scale=0.5),
        Kronecker(first, second @ second_down, scale=2.0),
        Kronecker(torch.eye(4), second, first, second_down),
    ):
        assert delta.shape == (20, 18)
        assert distance(delta.applied(inputs), inputs @ delta.matrix().T) < 1e-5


# --- what is refused -----------------------------------------------------------------------------------------------


def unchanged(model: Flux2Transformer) -> bool:
    """Return whether a model still has the weights of a new one."""
    fresh = transformer().state_dict()
    return all(torch.equal(tensor, fresh[name]) for name, tensor in model.state_dict().items())


def test_another_size(tmp_path: Path) -> None:
    """A LoRA of a wider model is refused with every layer's shapes, allowed or not, and nothing is changed."""
    wider = {
        name: lora_files.Change(torch.zeros(2, 2 * change.down.shape[1]), torch.zeros(2 * len(change.up), 2), 1.0)
        for name, change in adaptation().items()
    }
    lora = read_lora(lora_files.write(tmp_path / "wider.safetensors", "diffusers", wider))
    model = transformer()
    for allowed in (False, True):
        with pytest.raises(WeightsError, match="another size") as caught:
            apply_loras(model, [(written(tmp_path), 1.0), (lora, 1.0)], allow_unmatched=allowed)
        assert len(caught.value.mismatched) == len(adaptation()) + 2 * 2 * CONFIG.double_blocks  # q, k, v apart
    assert unchanged(model)


def test_absent_layers(tmp_path: Path) -> None:
    """Layers that this model has not are listed and refused; allowed, they are left out and said."""
    lora = written(tmp_path)
    shape = asdict(CONFIG) | {"guidance_embedding": False, "single_blocks": 2}
    smaller = Flux2Transformer(type(CONFIG)(**shape))
    randomise(smaller, seed=5)
    absent = {
        "guidance_in.in_layer",
        "guidance_in.out_layer",
        "single_blocks.2.linear1",
        "single_blocks.2.linear2",
    }
    with pytest.raises(WeightsError, match="does not have: was it trained on another") as caught:
        apply_loras(smaller, [(lora, 1.0)])
    assert set(caught.value.unexpected) == absent
    said = apply_loras(smaller, [(lora, 1.0)], allow_unmatched=True)
    assert set(said.left_out) == absent
    assert set(said.merged) == set(linear_layers(transformer())) - absent


def test_nothing_to_apply(tmp_path: Path) -> None:
    """A LoRA of which no layer is here is refused even where unmatched keys are allowed."""
    only = {name: change for name, change in adaptation().items() if name.startswith("single_blocks.2.")}
    lora = read_lora(lora_files.write(tmp_path / "one.safetensors", "kohya", only))
    shape = asdict(CONFIG) | {"single_blocks": 2}
    with pytest.raises(WeightsError, match="adapts no layer that this Flux2Transformer has"):
        apply_loras(Flux2Transformer(type(CONFIG)(**shape)), [(lora, 1.0)], allow_unmatched=True)


def test_values_that_do_not_fit(tmp_path: Path) -> None:
    """A sum too large for the weights' dtype is refused by its layer's name; so is a strength that is no number."""
    large = {
        name: lora_files.Change(1e4 * change.down, 1e4 * change.up, change.alpha)
        for name, change in adaptation().items()
        if name == "txt_in"
    }
    lora = read_lora(lora_files.write(tmp_path / "large.safetensors", "kohya", large))
    with pytest.raises(WeightsError, match=r"txt_in holds values that are not finite in torch.float16"):
        apply_loras(transformer().half(), [(lora, 1.0)])
    apply_loras(transformer(), [(lora, 1.0)])
    for strength in (math.nan, math.inf):
        with pytest.raises(WeightsError, match="not a finite number"):
            apply_loras(transformer(), [(lora, strength)])


def test_packed_weights_are_not_merged(tmp_path: Path) -> None:
    """Asked to merge into packed weights, it refuses instead of unpacking them behind the caller's back."""
    packed, _ = coded()
    with pytest.raises(WeightsError, match="put them beside"):
        apply_loras(packed, [(written(tmp_path), 1.0)], way="merged")
    assert not any(isinstance(module, AdaptedLinear) for module in packed.modules())


def test_streamed_blocks(tmp_path: Path) -> None:
    """Applied before its blocks are streamed, a LoRA streams with them; afterwards it would be lost, and is refused."""
    lora = written(tmp_path)
    lists, cpu = ("double_blocks", "single_blocks"), torch.device("cpu")
    merged, streamed = transformer(), transformer()
    apply_loras(merged, [(lora, mild())])
    apply_loras(streamed, [(lora, mild())])
    stream_module(streamed, lists, cpu, Streaming())
    assert torch.equal(velocity(streamed), velocity(merged))
    with pytest.raises(WeightsError, match="before blocks are streamed") as caught:
        apply_loras(streamed, [(lora, mild())], way="beside")
    assert set(caught.value.mismatched) == {name for name in linear_layers(transformer()) if "_blocks." in name}
    with pytest.raises(WeightsError, match="after loading"):
        apply_loras(transformer().to("meta"), [(lora, 1.0)])


def test_zero_rows_of_dora(tmp_path: Path) -> None:
    """A row that the change makes zero has no direction to give a length to: refused, merged and beside."""
    tensors, metadata = FORMATS["DoRA"](adaptation())
    write_tensors(tmp_path / "lora.safetensors", tensors, metadata)
    lora = read_lora(tmp_path / "lora.safetensors")
    for way in ("merged", "beside"):
        model = transformer()
        low = next(patch.delta for patch in lora.patches if patch.place.layer == "img_in")
        assert isinstance(low, LowRank)
        model.img_in.weight[0] = -low.matrix()[0]
        with pytest.raises(WeightsError, match="not finite"):
            apply_loras(model, [(lora, 1.0)], way=way)  # type: ignore[arg-type]
