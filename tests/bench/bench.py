"""Times what a user waits for: start-up, validation, a run with nothing to do, painting, setting, composing, encoding.

Long: `make bench`. All subjects are interleaved in one run, so that the ratios hold where the absolute times do not.
Writes a dated log; asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "flux2flow"]


def command(*arguments: str) -> Callable[[], None]:
    """Return a run of the program as a child."""

    def run() -> None:
        subprocess.run([*PROGRAM, *arguments], cwd=ROOT, check=True, capture_output=True)

    return run


def subjects(folder: Path) -> dict[str, Callable[[], None]]:
    """Return what is timed, by name. The campaign is rendered once before, so that its second run has nothing to do."""
    from flux2flow import api
    from flux2flow.compositing import compose
    from flux2flow.domain.canvas import Canvas
    from flux2flow.export import encode
    from flux2flow.interfaces import Painted
    from flux2flow.typography import set_scene

    command("init", str(folder / "campaign"))()
    command("render", str(folder / "campaign"), "--backend", "procedural")()
    loaded = api.load(ROOT / "examples/aurora/campaign.yaml")
    plan = api.plan(loaded)
    scene = next(scene for scene in plan.scenes if scene.format == "web/open-graph")
    layout = set_scene(scene, plan.fonts, loaded.project)
    planned = next(plate for plate in plan.plates if plate.id == scene.plate.plate)
    size = planned.request.size
    grey = Canvas(size, bytes([200, 180, 160]) * size.pixels)
    canvas = compose(layout, grey, loaded.project)
    nano, procedural = (loaded.registry.backends[name].create() for name in ("nano", "procedural"))

    def paint(backend: object) -> Callable[[], None]:
        return lambda: (
            [None for event in backend.paint([planned.request], loaded.project) if isinstance(event, Painted)] and None
        )  # type: ignore[attr-defined]

    return {
        "start-up: flux2flow --help (goal 0.3 s)": command("--help"),
        "validate examples/aurora (40 assets)": command("validate", "examples/aurora/campaign.yaml"),
        "render with nothing to do (goal 2 s)": command("render", str(folder / "campaign"), "--backend", "procedural"),
        f"paint one plate {size}, procedural": paint(procedural),
        f"paint one plate {size}, nano": paint(nano),
        f"set one scene {scene.size}": lambda: set_scene(scene, plan.fonts, loaded.project) and None,
        f"compose one scene {scene.size}": lambda: compose(layout, grey, loaded.project) and None,
        f"encode one scene {scene.size}": lambda: encode(canvas, plan.format(scene.format), {}) and None,
    }


def main() -> int:
    """Run every subject in turn, several rounds, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        timed = subjects(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(options.rounds):
            for name, run in timed.items():
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
    now = datetime.now(UTC)
    machine = f"{platform.machine()} · {os.cpu_count()} cores · load {os.getloadavg()[0]:.1f}"
    lines = [f"# {now:%Y-%m-%d %H:%M} UTC · {machine} · median of {options.rounds}"]
    lines += [
        f"{statistics.median(values):8.3f} s  (best {min(values):.3f})  {name}" for name, values in seconds.items()
    ]
    print("\n".join(lines))
    if options.log is not None:
        options.log.mkdir(parents=True, exist_ok=True)
        (options.log / f"{now:%Y-%m-%d}-bench.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
