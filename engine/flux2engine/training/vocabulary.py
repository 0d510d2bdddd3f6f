"""Cut-outs, packages and the captions' phrases → `vocabulary.json`: what a model trained on them has words for.

    python -m flux2engine.training.vocabulary --cut-outs PATH --names PATH --model "nano 0.3.0" --out vocabulary.json

The file ships beside the weights; whoever plans a picture reads it to tell which nouns the model has never seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from flux2engine.training import phrases
from flux2engine.training.colours import NAMED
from flux2engine.training.products import CutOut, is_held_out, read_cut_outs

FORMAT_VERSION = 1


def vocabulary(cut_outs: Sequence[CutOut], model: str) -> dict[str, Any]:
    """Gather the nouns of objects that are trained on, of scenery, and the words for sets, stands, light and colour."""
    seen = {cut_out.name for cut_out in cut_outs if not is_held_out(cut_out.name)}
    sets = {name: {*said, *phrases.LAID_ON.get(name, ())} for name, said in phrases.SET.items()}
    lights = [*phrases.MOOD.values(), *phrases.LIGHT.values(), phrases.RIM]
    return {
        "format_version": FORMAT_VERSION,
        "model": model,
        "nouns": sorted(seen.union(phrases.PACKAGE, *phrases.PACKAGE.values())),
        "scenery": sorted(phrases.SCENERY),
        "sets": _sorted(sets.items()),
        "stands": _sorted(phrases.STAND.items()),
        "lights": sorted({said for words in lights for said in words}),
        "colours": sorted(NAMED),
    }


def _sorted(table: Iterable[tuple[str, Iterable[str]]]) -> dict[str, list[str]]:
    return {name: sorted({*said}) for name, said in table}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cut-outs", type=Path, required=True)
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    document = vocabulary(read_cut_outs(arguments.cut_outs, arguments.names), arguments.model)
    arguments.out.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(document['nouns'])} nouns, {len(document['scenery'])} of scenery: {arguments.out}")


if __name__ == "__main__":
    main()
