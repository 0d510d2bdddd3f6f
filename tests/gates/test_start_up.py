"""Importing gates, compositing and export is cheap: no codec, drawing or number library before the first use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {"PIL", "numpy", "skia", "fontTools", "resvg_py", "defusedxml", "torch", "ots"}
MODULES = "gates.pictures, flux2flow.gates.vectors, flux2flow.gates.fonts, flux2flow.gates.confinement"


def imported(code: str) -> set[str]:
    program = f"import sys; {code}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_three_rooms_loads_nothing_heavy() -> None:
    assert imported(f"import flux2flow.{MODULES}, flux2flow.compositing, flux2flow.export") & HEAVY == set()


def test_the_probe_sees_what_a_use_loads() -> None:
    """Control: refusing a font by its first bytes loads nothing, composing does."""
    use = "import flux2flow.gates.fonts as gate\ntry: gate.inspect(b'', 'a')\nexcept Exception: pass\n"
    assert imported(f"exec({use!r})") & HEAVY == set()
    assert {"skia", "numpy", "PIL"} <= imported("import flux2flow.compositing.painter")
