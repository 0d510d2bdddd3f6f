"""Captions → a text encoder that knows colours, sets, light and empty sides before it ever sees a picture.

    python -m flux2engine.training.text_pretraining --tokenizer FILE --cut-outs PATH --names PATH --out FILE.pt

The flow loss alone does not teach what "#e8d5b5" looks like; reading it off the caption does, in minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from flux2engine.text_encoder import Qwen3FormEncoder
from flux2engine.training import checkpoint
from flux2engine.training.caption_batches import CLASSES, COLOURS, Batch, CaptionSource
from flux2engine.training.muon import Muon, split_parameters
from flux2engine.training.products import is_held_out, read_cut_outs
from flux2engine.variants import VARIANTS

WORDS = "encoder.model."  # where a checkpoint of the flow holds the text encoder


class Reader(nn.Module):
    """Read a scene's facts off the text states: one learned query per fact. Only used in pretraining."""

    def __init__(self, context_dim: int, hidden: int, vocabulary: int, names: int) -> None:
        super().__init__()
        sizes = [*map(len, CLASSES.values()), names]
        self.queries = nn.Parameter(torch.randn(len(COLOURS) + len(sizes), context_dim) * context_dim**-0.5)
        self.colour_heads = nn.ModuleList(_head(context_dim, 3) for _ in COLOURS)
        self.class_heads = nn.ModuleList(_head(context_dim, size) for size in sizes)
        self.nibble_head = _head(context_dim, 3)
        self.next_token = nn.Linear(hidden, vocabulary, bias=False)

    def forward(self, states: Tensor, lengths: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return colours (B, 3) each, and class logits each."""
        scores = states @ self.queries.T  # (B, T, facts)
        padding = torch.arange(states.shape[1], device=states.device) >= lengths[:, None]
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


def take_over(encoder: Qwen3FormEncoder, earlier: Mapping[str, Tensor], tokenizer: Tokenizer) -> int:
    """Start from an earlier version's encoder, whose words were cut by another `tokenizer`; return how many are new.

    The layers stay. A token that both know keeps its vector; a new one gets the mean of what it was cut into before.
    """
    known, table = tokenizer.get_vocab(), earlier["embed_tokens.weight"]
    new = encoder.model.state_dict()["embed_tokens.weight"].clone()
    missing = 0
    for token, index in encoder.tokenizer.get_vocab().items():
        if token in known:
            new[index] = table[known[token]]
            continue
        missing += 1
        if pieces := tokenizer.encode(encoder.tokenizer.decode([index]), add_special_tokens=False).ids:
            new[index] = table[pieces].mean(0)
    encoder.model.load_state_dict({**earlier, "embed_tokens.weight": new})
    return missing


def losses(encoder: Qwen3FormEncoder, reader: Reader, batch: Batch) -> dict[str, Tensor]:
    """Return the parts of the pretraining loss."""
    states = encoder.states(batch.ids, batch.lengths)
    colours, classes = reader(states, batch.lengths)
    error = torch.stack([(guess - batch.colours[:, i]).abs().mean(-1) for i, guess in enumerate(colours)], 1)
    real = torch.arange(batch.ids.shape[1], device=batch.ids.device) < batch.lengths[:, None]
    logits = reader.next_token(states[:, :-1, -encoder.config.hidden_size :])[real[:, 1:]]
    nibble = (
        (reader.nibble_head(states[batch.ends]) - batch.nibbles[batch.ends]).abs().mean()
        if bool(batch.ends.any())
        else error.new_zeros(())
    )
    return {
        "colour": (error * batch.said).sum() / batch.said.sum().clamp(min=1),
        "nibble": nibble,
        "class": torch.stack([_class_error(guess, batch.classes[:, i]) for i, guess in enumerate(classes)]).mean(),
        "language": functional.cross_entropy(logits, batch.ids[:, 1:][real[:, 1:]]),
    }


def _class_error(guess: Tensor, truth: Tensor) -> Tensor:
    """Return the cross entropy over the captions that say the fact; 0 where none does."""
    return functional.cross_entropy(guess, truth, ignore_index=-1, reduction="sum") / (truth >= 0).sum().clamp(min=1)


@torch.no_grad()
def accuracies(encoder: Qwen3FormEncoder, reader: Reader, batch: Batch) -> dict[str, float]:
    """Return the share of facts read rightly, per kind of fact, and the mean error of colours that are said."""
    colours, classes = reader(encoder.states(batch.ids, batch.lengths), batch.lengths)
    error = torch.stack([(guess - batch.colours[:, i]).abs().mean(-1) for i, guess in enumerate(colours)], 1)
    read = {"colour error": float((error * batch.said).sum() / batch.said.sum().clamp(min=1))}
    for name, guess, truth in zip([*CLASSES, "object"], classes, batch.classes.T, strict=True):
        said = truth >= 0
        read[name] = float((guess.argmax(-1) == truth)[said].float().mean()) if bool(said.any()) else float("nan")
    return read


def pretrain(
    encoder: Qwen3FormEncoder,
    source: CaptionSource,
    out: Path,
    steps: int,
    size: int = 48,
    rate: float = 2e-3,
    every: int = 200,
    stop_after: int | None = None,
    device: str = "cpu",
) -> list[float]:
    """Train up to `steps`, resuming from `out` if it exists; return the colour loss of each step run."""
    torch.manual_seed(source.seed)
    config = encoder.config
    reader = Reader(config.context_dim, config.hidden_size, config.vocabulary, len(source.names))
    both = nn.ModuleDict({"encoder": encoder.model, "reader": reader}).to(device)
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
        parts = losses(encoder, reader, source.batch(step, size).to(device))
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
    unseen = accuracies(encoder, reader, source.batch(-1, 8 * size).to(device))
    print("unseen captions:", {name: round(value, 3) for name, value in unseen.items()}, flush=True)
    return history


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--cut-outs", type=Path, required=True)
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--start", type=Path, help="the flow's checkpoint of an earlier version: its encoder goes on")
    parser.add_argument("--start-tokenizer", type=Path, help="what that version cut its words with")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoder = fresh_encoder(Tokenizer.from_file(str(arguments.tokenizer)))
    if arguments.start is not None:
        earlier = checkpoint.load(arguments.start)
        if earlier is None or arguments.start_tokenizer is None:
            parser.error("--start needs a checkpoint that exists, and --start-tokenizer")
        kept = {k.removeprefix(WORDS): v for k, v in earlier["model"].items() if k.startswith(WORDS)}
        new = take_over(encoder, kept, Tokenizer.from_file(str(arguments.start_tokenizer)))
        print(f"{encoder.config.vocabulary - new} tokens keep their vectors, {new} are put together", flush=True)
    cut_outs = [c for c in read_cut_outs(arguments.cut_outs, arguments.names) if not is_held_out(c.name)]
    source = CaptionSource(encoder, cut_outs, seed=1)
    pretrain(encoder, source, arguments.out, arguments.steps, rate=arguments.rate, device=arguments.device)


if __name__ == "__main__":
    main()
