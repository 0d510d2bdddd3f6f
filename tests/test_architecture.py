"""The architecture is kept by contracts that run; breaking one must be noticed, and the error tree must be whole."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import flux2flow
import flux2flow.errors as errors

ROOT = Path(__file__).parents[1]
FORBIDDEN_NAMES = {
    "utils",
    "helpers",
    "common",
    "misc",
    "manager",
    "handler",
    "processor",
    "service",
    "data_info",
    "info",
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts of a copy of the project."""
    program = Path(sys.executable).with_name("lint-imports")
    environment = {"PYTHONPATH": f"{folder}:{folder / 'engine'}", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [program, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy_of_project(tmp_path: Path) -> Path:
    """Return the sources and contracts, without weights and fonts."""
    for folder in ("flux2flow", "engine"):
        ignore = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.ttf")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_hold(copy_of_project: Path) -> None:
    """Every import contract is kept."""
    result = lint_imports(copy_of_project)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("flux2flow/planning/__init__.py", "import flux2flow.typography"),
        ("flux2flow/domain/measures.py", "import flux2flow.store"),
        ("flux2flow/typography/__init__.py", "import torch"),
        ("flux2flow/validation/__init__.py", "import click"),
        ("engine/flux2engine/sampler.py", "import flux2flow"),
        ("flux2flow/api.py", "import flux2engine"),
    ],
)
def test_a_broken_contract_is_noticed(copy_of_project: Path, file: str, line: str) -> None:
    """One forbidden import, added anywhere, fails the contracts (the control of the test above)."""
    target = copy_of_project / file
    target.write_text(target.read_text(encoding="utf-8") + f"\n{line}  # noqa\n", encoding="utf-8")
    assert lint_imports(copy_of_project).returncode != 0


def modules() -> list[str]:
    """Every module of flux2flow by name."""
    return [name for _, name, _ in pkgutil.walk_packages(flux2flow.__path__, "flux2flow.")]


def test_no_module_carries_an_empty_name() -> None:
    """Module names say what is inside."""
    parts = {part for name in modules() for part in name.split(".")}
    assert not parts & FORBIDDEN_NAMES


def test_every_module_opens_with_what_it_does() -> None:
    """Each module has a docstring."""
    missing = [
        str(path)
        for path in (ROOT / "flux2flow").rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not missing


def test_only_the_console_prints() -> None:
    """`print` and `sys.stdout` stand in cli/console.py alone."""
    guilty = [
        f"{path}:{node.lineno}"
        for path in (ROOT / "flux2flow").rglob("*.py")
        if path.name != "console.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not guilty


def test_no_silent_except() -> None:
    """No `except …: pass` hides an error."""
    guilty = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("flux2flow", "engine/flux2engine")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in node.body)
    ]
    assert not guilty


def test_errors_stand_in_one_file_with_their_tree() -> None:
    """Every exception of flux2flow is drawn in errors.py's tree, ends in Error and has an exit code."""
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    tree = errors.__doc__ or ""
    for cls in classes:
        assert cls.__name__ in tree
        assert issubclass(cls, errors.Flux2FlowError)
        assert cls.exit_code in {2, 3, 74}
    assert len(classes) >= 10


def test_engine_errors_are_all_mapped() -> None:
    """Every engine error is an EngineError, which generation/flux2 turns into a GenerationError."""
    engine = importlib.import_module("flux2engine.errors")
    classes = [value for value in vars(engine).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert classes
    assert all(issubclass(cls, engine.EngineError) for cls in classes)
    source = (ROOT / "flux2flow/generation/flux2/backend.py").read_text(encoding="utf-8")
    assert "EngineError" in source
    assert "GenerationError" in source


def test_versions_agree() -> None:
    """pyproject.toml and the package state one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == flux2flow.__version__


def test_the_lock_names_no_address() -> None:
    """requirements.lock holds hashes and no addresses, and leaves torch and its GPU packages out."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    names = [line.split("==")[0] for line in lines if "==" in line]
    assert not [line for line in lines if "://" in line]
    assert not [name for name in names if name == "torch" or name.startswith(("nvidia-", "cuda-", "triton"))]
    assert len(names) > 40
