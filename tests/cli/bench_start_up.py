"""Print how long `flux2flow --help` takes. The goal is 0.3 s; the tests assert causes, not seconds."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

CODE = "import sys; from flux2flow.cli import main; sys.exit(main(['--help']))"
RUNS = 11


def seconds() -> float:
    """Time one start in a fresh interpreter."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", CODE], check=True, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    return time.perf_counter() - begun


if __name__ == "__main__":
    seconds()  # the first start compiles
    times = sorted(seconds() for _ in range(RUNS))
    print(
        f"flux2flow --help: median {statistics.median(times):.2f} s, {times[0]:.2f} to {times[-1]:.2f} s, {RUNS} starts"
    )
