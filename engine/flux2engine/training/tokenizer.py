"""Captions → `tokenizer.json`: a byte-level BPE in which every digit and every nibble of "#rrggbb" is one token.

    python -m flux2engine.training.tokenizer --out DIR/tokenizer.json

Knows nothing about models.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from flux2engine.training import phrases
from flux2engine.training.caption_batches import CaptionPool
from flux2engine.training.colours import NAMED
from flux2engine.training.products import CutOut, read_cut_outs
from flux2engine.variants import PAD_TOKEN

# One alternative per nibble, looking back to the "#": a nibble is never merged, and "a" inside a word is no nibble.
_NIBBLES = "|".join(f"(?<=#{'[0-9a-f]' * n})[0-9a-f]" for n in range(6))
# Punctuation that follows itself ('"], "') may become one token: JSON costs little more than prose then.
_PIECES = rf"{_NIBBLES}|[0-9]| ?[a-z]+| ?[^\sa-z0-9#]+| ?#|\s+"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Train on `texts`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD_TOKEN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def sample_captions(cut_outs: Sequence[CutOut], count: int, seed: int) -> list[str]:
    """Draw captions of scenes and edits as training sees them, and every name and colour once more."""
    rng = random.Random(seed)
    pool = CaptionPool(cut_outs, seed, min(count, 600))
    texts = [pool.draw(rng, 128).text for _ in range(count)]
    names = [cut_out.name for cut_out in cut_outs] + [noun for nouns in phrases.PACKAGE.values() for noun in nouns]
    return texts + [f"a {name} in {colour}" for name in names for colour in rng.sample(list(NAMED), 4)]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cut-outs", type=Path, required=True)
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=2048)
    parser.add_argument("--captions", type=int, default=12000)
    arguments = parser.parse_args()
    # Held-out objects' names are in: a planner may always name them, only their pictures are kept from training.
    cut_outs = read_cut_outs(arguments.cut_outs, arguments.names)
    tokenizer = train_tokenizer(sample_captions(cut_outs, arguments.captions, 1), arguments.vocabulary)
    tokenizer.save(str(arguments.out))


if __name__ == "__main__":
    main()
