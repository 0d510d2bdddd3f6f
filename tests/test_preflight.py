"""The preflight names each lack with its remedy; the installer looks for torch in the order that was decided."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[1] / ".ci"


def script(name: str) -> ModuleType:
    """Return a script of `.ci/` as a module."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_complete_machine_lacks_nothing() -> None:
    """With every library loading, nothing is said."""
    assert script("preflight").lacks(version=(3, 12), platform="linux", load=lambda name: name) == []


@pytest.mark.parametrize(("library", "package"), [("libEGL.so.1", "libegl1"), ("libGL.so.1", "libgl1")])
def test_a_missing_library_is_named_with_its_package(library: str, package: str) -> None:
    """A loader that fails for one library gives exactly one line, with Debian's package."""

    def load(name: str) -> object:
        if name == library:
            raise OSError(name)
        return name

    lines = script("preflight").lacks(version=(3, 12), platform="linux", load=load)
    assert len(lines) == 1
    assert library in lines[0]
    assert f"apt-get install {package}" in lines[0]


def test_an_old_python_a_missing_venv_and_a_missing_make_are_all_named() -> None:
    """Several lacks are told at once."""
    lines = script("preflight").lacks(
        version=(3, 10), platform="darwin", has_module=lambda name: name != "venv", has_program=lambda name: False
    )
    assert [line.split(":")[0].split(" is")[0] for line in lines] == ["Python 3.10", "Python's module venv", "make"]
    assert all("Remedy" in line for line in lines)


def test_torch_comes_from_a_wheel_at_hand_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU: a wheel at hand, then the CPU index, then the default index after a warning of its size."""
    install = script("install")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    sources = install.torch_sources("torch==1", "cpu-index")
    assert [arguments for _, arguments in sources] == [
        ["--no-index", "--no-deps", "torch==1"],
        ["--index-url", "cpu-index", "--no-deps", "torch==1"],
        ["torch==1"],
    ]
    assert "2.7 GB" in sources[-1][0]


def test_a_gpu_takes_the_default_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an NVIDIA driver the CPU index is never asked."""
    install = script("install")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(install.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    assert [arguments for _, arguments in install.torch_sources("torch==1", "cpu-index")][1:] == [["torch==1"]]
