"""What engine/README.md says is generated or executed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flux2engine import manifest
from flux2engine.variants import VARIANTS, ModelVariant

README = Path(__file__).parents[2] / "engine" / "README.md"


def row(variant: ModelVariant) -> str:
    """Return one line of the table."""
    shape = variant.transformer
    guidance = {
        "embedded": f"embedded {variant.default_guidance:g}",
        "classifier-free": f"classifier-free {variant.default_guidance:g}",
        "none": "none",
    }
    cells = (
        variant.name,
        f"{shape.hidden_size} ({shape.heads} × {shape.head_dim})",
        f"{shape.double_blocks} + {shape.single_blocks}",
        f"{shape.context_dim}, {variant.text_encoder.tokens} tokens",
        f"{variant.default_steps}{' (fixed)' if variant.fixed_sampling else ''}",
        guidance[variant.guidance_kind],
        str(variant.max_references),
        variant.licence,
    )
    return f"| {' | '.join(cells)} |"


def test_the_table_is_the_table() -> None:
    """The README's variants are those of the code."""
    head = "| variant | hidden | double + single | text | steps | guidance | references | licence |"
    expected = "\n".join([head, "|---" * 8 + "|", *(row(variant) for variant in VARIANTS.values())])
    written = README.read_text(encoding="utf-8").split("<!-- variants -->")[1].split("<!-- end -->")[0].strip()
    assert written == expected


def test_the_example_runs(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The opening example runs as it is written, on a small model."""
    monkeypatch.setattr(manifest, "NANO_FOLDER", model_folder)
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    names: dict[str, Any] = {}
    exec(example[1], names)
    assert names["picture"].shape == (256, 256, 3)
    assert capsys.readouterr().out.splitlines() == ["1 of 3", "2 of 3", "3 of 3"]


def test_counts_are_current() -> None:
    """The number of malformed files that the README names is the number tested."""
    from tests.engine.weights.malformed_files import LARGE, SMALL

    assert f"{len({*SMALL, *LARGE})} kinds of malformed weights files" in README.read_text(encoding="utf-8")
