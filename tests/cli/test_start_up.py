"""Start-up: which modules a verb imports. A benchmark may print seconds; a test asserts causes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {"pydantic", "rich", "torch", "skia", "numpy", "PIL", "jinja2", "yaml", "uharfbuzz", "transformers", "asyncio"}


def imported(*arguments: str) -> tuple[int, set[str]]:
    """Run the command in a fresh interpreter; return its exit code and the top-level modules it ended with."""
    code = (
        "import sys\n"
        "from flux2flow.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "sys.stderr.write('\\nMODULES ' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))\n"
        "sys.exit(code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert "MODULES " in result.stderr, result.stderr
    return result.returncode, set(result.stderr.rpartition("MODULES ")[2].split())


def test_help_imports_nothing_heavy() -> None:
    code, modules = imported("--help")
    assert code == 0
    assert not modules & HEAVY
    assert {"click", "flux2flow"} <= modules  # control: the list is the real one


def test_version_and_a_wrong_verb_import_nothing_heavy() -> None:
    assert not imported("--version")[1] & HEAVY
    code, modules = imported("rendr")
    assert code == 2
    assert not modules & HEAVY


def test_validate_imports_no_model_and_no_drawing_library() -> None:
    code, modules = imported("validate", "examples/aurora/campaign.yaml", "--no-plugins")
    assert code in (0, 1)
    assert not modules & {"torch", "skia", "transformers", "rich", "numpy"}
    assert {"pydantic", "yaml", "uharfbuzz"} <= modules  # control: it did load, plan and set type


def test_plan_imports_no_model_and_no_drawing_library() -> None:
    code, modules = imported("plan", "examples/aurora/campaign.yaml", "--no-plugins")
    assert code == 0
    assert not modules & {"torch", "skia", "transformers", "rich", "numpy"}
