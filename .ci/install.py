"""Makes `.venv` complete: the locked packages by hash, torch by version, the project editable. Standard library only.

Does nothing when the lock, pyproject.toml and this file are those of the last complete run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".flux2flow-installed"


def fingerprint() -> str:
    """Return what the environment was made from."""
    total = hashlib.sha256()
    for file in (ROOT / "requirements.lock", ROOT / "pyproject.toml", Path(__file__)):
        total.update(file.read_bytes())
    total.update(f"{sys.version_info[:2]} {os.environ.get('TORCH', '')}".encode())
    return total.hexdigest()


def pip(*arguments: str, check: bool = True) -> bool:
    """Run pip inside the environment; True where it succeeded."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    result = subprocess.run(command, check=False, cwd=ROOT, capture_output=not check, text=True)
    if check and result.returncode != 0:
        raise SystemExit(f"install: pip {' '.join(arguments)} failed; see its message above")
    return result.returncode == 0


def torch_sources(torch: str, cpu_index: str) -> list[tuple[str, list[str]]]:
    """Where torch is looked for, in order: each with a line to print, and pip's arguments."""
    gpu = sys.platform == "darwin" or shutil.which("nvidia-smi") is not None
    sources = [("a wheel at hand", ["--no-index", "--no-deps", torch])]
    if gpu:
        sources.append(("the default index, for this machine's GPU", [torch]))
    else:
        sources.append(("PyTorch's CPU index", ["--index-url", cpu_index, "--no-deps", torch]))
        sources.append(("the default index: 2.7 GB follow", [torch]))
    return sources


def install_torch(torch: str, cpu_index: str) -> None:
    """Install torch from the first source that has it. Its version is pinned, its hash is not (SECURITY.md)."""
    for name, arguments in torch_sources(torch, cpu_index):
        print(f"install: torch from {name}", flush=True)
        if pip("install", "-qq", *arguments, check=False):
            return
    raise SystemExit(f"install: no source has {torch}. Remedy: install it into .venv by hand, then run make again")


def main() -> int:
    """Install whatever is missing."""
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == fingerprint():
        return 0
    if not PYTHON.exists():
        print("install: making .venv", flush=True)
        venv.create(VENV, with_pip=True)
    print("install: locked packages, by hash", flush=True)
    lock = str(ROOT / "requirements.lock")
    pip("install", "-qq", "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", lock)
    install_torch(os.environ["TORCH"], os.environ["TORCH_CPU_INDEX"])
    print("install: flux2flow itself", flush=True)
    pip("install", "-qq", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    pip("check")
    STAMP.write_text(fingerprint(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
