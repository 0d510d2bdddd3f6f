"""Writes requirements.lock: every package but torch and its GPU packages, with hashes and without addresses."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = re.compile(r"^(torch|triton|cuda-[a-z-]+|nvidia-[a-z0-9-]+)==")
HEADER = (
    "# Written by `make lock`. Hashes, no addresses. torch is pinned in the Makefile, installed apart (SECURITY.md).\n"
)


def main() -> int:
    """Resolve with uv for every platform, then drop the packages that follow torch."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraint:
        constraint.write("torch==2.13.0\n")
        constraint.flush()
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "compile",
            "pyproject.toml",
            "--extra",
            "engine",
            "--extra",
            "dev",
        ]
        command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"]
        command += ["-c", constraint.name, "--quiet"]
        text = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    kept: list[str] = []
    keep = True
    for line in text.splitlines():
        if not line.startswith((" ", "\t")):
            keep = LEFT_OUT.match(line) is None
        if keep:
            kept.append(line)
    (ROOT / "requirements.lock").write_text(HEADER + "\n".join(kept) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
