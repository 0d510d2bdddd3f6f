"""Captions → a text encoder that knows colours, sets, light and empty sides before it ever sees a picture.

    python -m flux2engine.training.text_pretraining --tokenizer FILE --cut-outs PATH --names PATH --out FILE.pt

The flow loss alone does not teach what "#e8d5b5" looks like; reading it off the caption does, in minutes.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.training import checkpoint, data
from flux2engine.training.captions import Role, caption
from flux2engine.training.colours import companion, random_colour
from flux2engine.training.data import Scene, draw_scene
from flux2engine.training.muon import Muon, split_parameters
from flux2engine.training.products import CutOut, Identity, is_held_out, read_cut_outs
from flux2engine.variants import VARIANTS

CLASSES: dict[str, tuple[str, ...]] = {
    "set": data.SETS,
    "stand": data.STANDS,
    "light": data.LIGHTS,
    "mood": data.MOODS,
    "empty": data.EMPTY_SIDES,
    "camera": data.CAMERAS,
}
COLOURS = ("backdrop", "second", "stand_colour")


class Reader(nn.Module):
    """Read a scene's facts off the text states: one learned query per fact. Only used in pretraining."""

    def __init__(self, context_dim: int, hidden: int, vocabulary: int) -> None:
        super().__init__()
        facts = [*COLOURS, *CLASSES]
        self.queries = nn.Parameter(torch.randn(len(facts), context_dim) * context_dim**-0.5)
        self.colour_heads = nn.ModuleList(_head(context_dim, 3) for _ in COLOURS)
        self.class_heads = nn.ModuleList(_head(context_dim, len(names)) for names in CLASSES.values())
        self.nibble_head = _head(context_dim, 3)
        self.next_token = nn.Linear(hidden, vocabulary, bias=False)

    def forward(self, states: Tensor, lengths: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return colours (B, 3) each, and class logits each."""
        scores = states @ self.queries.T  # (B, T, facts)
        padding = torch.arange(states.shape[1]) >= lengths[:, None]
        weights = scores.masked_fill(padding[..., None], -1e4).softmax(1)
        pooled = weights.transpose(1, 2) @ states  # (B, facts, context)
        colours = [head(pooled[:, i]) for i, head in enumerate(self.colour_heads)]
        return colours, [head(pooled[:, len(COLOURS) + i]) for i, head in enumerate(self.class_heads)]


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, 128), nn.GELU(), nn.Linear(128, outputs))


def fresh_encoder(tokenizer: Tokenizer, seed: int = 0) -> Qwen3FormEncoder:
    """Build nano's text encoder with random weights."""
    torch.manual_seed(seed)
    encoder = Qwen3FormEncoder(VARIANTS["nano"].text_encoder, tokenizer)
    nn.init.normal_(encoder.model.embed_tokens.weight, std=0.5)
    return encoder


@dataclass(frozen=True)
class Batch:
    """Captions and what a reader should find in them."""

    ids: Tensor
    lengths: Tensor
    colours: Tensor  # (B, 3 facts, 3)
    said: Tensor  # (B, 3 facts), 1 where the colour is in the caption
    classes: Tensor  # (B, facts)
    nibbles: Tensor  # (B, T, 3), the colour whose last nibble stands here
    ends: Tensor  # (B, T), True at a last nibble


class CaptionSource:
    """Draw batches of captions by step, so that a resumed run sees the same ones."""

    def __init__(self, encoder: Qwen3FormEncoder, cut_outs: Sequence[CutOut], seed: int, pool: int = 400) -> None:
        self.encoder, self.cut_outs, self.seed = encoder, list(cut_outs), seed
        rng = random.Random(seed)
        # Drawing a scene with a product measures its picture; a pool that is recoloured and renamed costs far less.
        self.pool = [draw_scene(rng, rng.choice([1.0, 1.0, 1.8, 0.56, 4.0]), self.cut_outs, True) for _ in range(pool)]
        ids = {
            value: tokenizer_id
            for value in range(16)
            if (tokenizer_id := encoder.tokenizer.token_to_id(f"{value:x}")) is not None
        }
        self.nibble_of = torch.full((encoder.config.vocabulary,), -1, dtype=torch.int64)
        for value, index in ids.items():
            self.nibble_of[index] = value

    def _scene(self, rng: random.Random) -> Scene:
        if rng.random() < 0.45:
            return draw_scene(rng, rng.choice([1.0, 1.8, 0.56, 4.0]), [], False)
        scene = rng.choice(self.pool)
        backdrop = random_colour(rng)
        scene = replace(
            scene,
            backdrop=backdrop,
            second=companion(backdrop, rng),
            stand_colour=companion(backdrop, rng),
            light=rng.choice(data.LIGHTS),
            mood=rng.choice(data.MOODS),
            camera=rng.choice(data.CAMERAS),
        )
        if self.cut_outs and scene.main is not None:
            scene = replace(scene, main=replace(scene.main, identity=Identity(rng.choice(self.cut_outs).name, 0)))
        return scene

    def batch(self, step: int, size: int) -> Batch:
        """Return the batch of this step."""
        rng = random.Random(f"{self.seed}/{step}")
        scenes = [self._scene(rng) for _ in range(size)]
        roles: list[tuple[Role, ...]] = [
            rng.choice([(), ("main",), ("main", "other"), ("other", "main")]) if scene.main else () for scene in scenes
        ]
        texts = [caption(scene, rng, role) for scene, role in zip(scenes, roles, strict=True)]
        ids, counts = self.encoder.tokenize(texts)
        lengths = torch.tensor([min(count, ids.shape[1]) for count in counts])
        nibbles, ends = self._nibbles(ids)
        colours = torch.tensor([[getattr(scene, fact) for fact in COLOURS] for scene in scenes]) / 255
        said = torch.tensor(
            [
                [
                    1.0,
                    float(scene.set in ("gradient", "two-tone", "arch", "disc", "paper")),
                    float(scene.stand != "none"),
                ]
                for scene in scenes
            ]
        )
        classes = torch.tensor(
            [[names.index(getattr(scene, fact)) for fact, names in CLASSES.items()] for scene in scenes]
        )
        return Batch(ids, lengths, colours, said, classes, nibbles, ends)

    def _nibbles(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        values = self.nibble_of[ids].float()  # (B, T), −1 elsewhere
        windows = values.unfold(1, 6, 1)  # (B, T − 5, 6)
        whole = (windows >= 0).all(-1)
        rgb = (windows[..., 0::2] * 16 + windows[..., 1::2]) / 255
        return functional.pad(rgb, (0, 0, 5, 0)), functional.pad(whole, (5, 0))


def losses(encoder: Qwen3FormEncoder, reader: Reader, batch: Batch) -> dict[str, Tensor]:
    """Return the parts of the pretraining loss."""
    states = encoder.states(batch.ids, batch.lengths)
    colours, classes = reader(states, batch.lengths)
    error = torch.stack([(guess - batch.colours[:, i]).abs().mean(-1) for i, guess in enumerate(colours)], 1)
    real = torch.arange(batch.ids.shape[1]) < batch.lengths[:, None]
    logits = reader.next_token(states[:, :-1, -encoder.config.hidden_size :])[real[:, 1:]]
    nibble = (
        (reader.nibble_head(states[batch.ends]) - batch.nibbles[batch.ends]).abs().mean()
        if bool(batch.ends.any())
        else error.new_zeros(())
    )
    return {
        "colour": (error * batch.said).sum() / batch.said.sum(),
        "nibble": nibble,
        "class": torch.stack(
            [functional.cross_entropy(guess, batch.classes[:, i]) for i, guess in enumerate(classes)]
        ).mean(),
        "language": functional.cross_entropy(logits, batch.ids[:, 1:][real[:, 1:]]),
    }


def pretrain(
    encoder: Qwen3FormEncoder,
    source: CaptionSource,
    out: Path,
    steps: int,
    size: int = 48,
    rate: float = 2e-3,
    every: int = 200,
    stop_after: int | None = None,
) -> list[float]:
    """Train up to `steps`, resuming from `out` if it exists; return the colour loss of each step run."""
    torch.manual_seed(source.seed)
    reader = Reader(encoder.config.context_dim, encoder.config.hidden_size, encoder.config.vocabulary)
    both = nn.ModuleDict({"encoder": encoder.model, "reader": reader})
    matrices, others = split_parameters(both, lambda name, _: "encoder.layers" in name)
    optimiser = Muon(matrices, [{"params": others, "lr": rate}], lr=rate / 2)
    first, history, started = 0, [], time.monotonic()
    if (state := checkpoint.load(out)) is not None:
        both.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
    last = steps if stop_after is None else min(steps, first + stop_after)
    for step in range(first, last):
        optimiser.scale_learning_rates(checkpoint.learning_rate(step, steps))
        parts = losses(encoder, reader, source.batch(step, size))
        optimiser.zero_grad()
        (6 * parts["colour"] + 6 * parts["nibble"] + 0.4 * parts["class"] + 0.3 * parts["language"]).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        history.append(parts["colour"].item())
        if (step + 1) % every == 0 or step + 1 == last:
            print(
                step + 1,
                f"{time.monotonic() - started:.0f}s",
                {key: round(value.item(), 4) for key, value in parts.items()},
                flush=True,
            )
            checkpoint.save(out, model=both.state_dict(), optimiser=optimiser.state_dict(), step=step + 1)
    return history


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--cut-outs", type=Path, required=True)
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2400)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoder = fresh_encoder(Tokenizer.from_file(str(arguments.tokenizer)))
    cut_outs = [c for c in read_cut_outs(arguments.cut_outs, arguments.names) if not is_held_out(c.name)]
    pretrain(encoder, CaptionSource(encoder, cut_outs, seed=1), arguments.out, arguments.steps)


if __name__ == "__main__":
    main()
