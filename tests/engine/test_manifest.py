"""A plan can name a model without starting it: manifest, table and digest load no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flux2engine.manifest import folder_digest, read_manifest, resolve_variant

ENGINE = Path(__file__).parents[2] / "engine"
PROGRAM = """
import sys
from pathlib import Path
{extra}
from flux2engine.manifest import folder_digest, read_manifest, resolve_variant
folder = Path(sys.argv[1])
print(resolve_variant(read_manifest(folder)).default_steps, len(folder_digest(folder)))
print(sorted({{"torch", "numpy", "PIL", "tokenizers", "transformers"}} & sys.modules.keys()))
"""


@pytest.mark.parametrize(("extra", "loaded"), [("", "[]"), ("import numpy", "['numpy']")])
def test_no_torch(model_folder: Path, extra: str, loaded: str) -> None:
    """Limits and digest come from plain files; the control shows that a loaded module would be seen."""
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(extra=extra), str(model_folder)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ENGINE)},
    )
    assert result.stdout.splitlines() == ["3 64", loaded]


def test_overrides(model_folder: Path) -> None:
    """Overrides replace fields of the table's row and leave the rest."""
    variant = resolve_variant(read_manifest(model_folder))
    assert (variant.transformer.hidden_size, variant.transformer.theta) == (64, 2000)
    assert variant.transformer.axes_dim == (8, 8, 8, 8)
    assert (variant.default_steps, variant.licence) == (3, "Apache-2.0")


def test_the_digest_follows_every_file(model_folder: Path, tmp_path: Path) -> None:
    """One byte in any of the five files gives another digest."""
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(model_folder, folder)
    digests = {folder_digest(folder)}
    for path in sorted(folder.iterdir()):
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        digests.add(folder_digest(folder))
        path.write_bytes(before)
    assert len(digests) == 6
