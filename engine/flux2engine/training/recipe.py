r"""The whole plan of nano: which stage runs when, for how long, and what it starts from.

    python -m flux2engine.training.recipe rehearse --sources DIR --work DIR
    python -m flux2engine.training.recipe cpu --sources DIR --work DIR --hours 2.5
    python -m flux2engine.training.recipe gpu --sources DIR --work DIR --part 1 --out DIR

`--sources` holds taef2_encoder.safetensors, taef2_decoder.safetensors, data-by-emoji.json and the folder assets. Every
stage is a command of its own, printed as it starts, and goes on where it stopped; so does the plan, run again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """What the stages run on, and the model's size there."""

    size: str
    device: str = "cpu"
    painters: int = 1  # processes, while nothing else runs
    painters_beside: int = 1  # while something trains
    planners: int = 0
    threads: int = 1
    fast: bool = False  # bf16 and compiled blocks
    # Samples a batch, by stage: as many as keep the device busy.
    batches: tuple[tuple[str, int], ...] = (("small", 32), ("middle", 16), ("large", 6), ("rehearsal", 6))

    def batch(self, stage: str) -> int:
        """Return how many samples a step sees."""
        return dict(self.batches)[stage]


CPU = Machine("S", threads=2)
TINY = Machine("tiny")
GPU = Machine(
    "R1",
    "cuda",
    painters=15,
    painters_beside=7,
    planners=8,
    threads=4,
    fast=True,
    batches=(("small", 512), ("middle", 192), ("large", 48)),
)


class Plan:
    """Run stages one after the other in one work folder; each finds there what it starts from."""

    def __init__(self, sources: Path, work: Path, machine: Machine) -> None:
        self.sources, self.work, self.machine = sources, work, machine
        self.deadline = float("inf")
        work.mkdir(parents=True, exist_ok=True)
        noted = work / "rates.json"
        self.rates: dict[str, float] = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}

    @property
    def left(self) -> float:
        """Return the seconds left."""
        return self.deadline - time.monotonic()

    def run(self, module: str, *arguments: object, goals: bool = False) -> str:
        """Run a stage's command; return what it printed. With `goals`, an end with 1 says that some were missed."""
        process = self._start(module, arguments, subprocess.PIPE)
        printed = ""
        for line in process.stdout or ():
            print("   ", line, end="", flush=True)
            printed += line
        self.finish(process, goals)
        return printed

    def finish(self, process: subprocess.Popen[str], goals: bool = False) -> None:
        """Wait for a command's end."""
        if (code := process.wait()) and not (goals and code == 1):
            raise SystemExit(f"{shlex.join(map(str, process.args))} ended with {code}")  # type: ignore[arg-type]

    def _start(self, module: str, arguments: Sequence[object], output: int | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"flux2engine.training.{module}", *map(str, arguments)]
        print(f"[{time.strftime('%H:%M:%S')}]", shlex.join(command[1:]), flush=True)
        return subprocess.Popen(command, stdout=output, text=True)

    def paint(self, stage: str, shards: str, seconds: float, *more: object) -> None:
        """Make shards, and wait for them."""
        self.finish(self._painting(stage, shards, seconds, self.machine.painters, *more))

    def painting(self, stage: str, shards: str, seconds: float, *more: object) -> subprocess.Popen[str]:
        """Start making shards beside what comes next."""
        return self._painting(stage, shards, seconds, self.machine.painters_beside, *more)

    def _painting(self, stage: str, shards: str, seconds: float, workers: int, *more: object) -> subprocess.Popen[str]:
        arguments = (
            "--teacher", self.sources, *self._names(), "--out", self.work / "cache", "--stage", stage,
            "--shards", shards, "--workers", workers, "--device", self.machine.device, "--seconds", seconds, *more,
        )  # fmt: skip
        return self._start("cache", arguments)

    def words(self, steps: int, *more: object) -> None:
        """Train the tokenizer and the text encoder, unless they came with the sources."""
        came = [self.sources / name for name in ("tokenizer.json", "text.pt") if (self.sources / name).exists()]
        for path in came:
            (self.work / path.name).write_bytes(path.read_bytes())
        if len(came) == 2:
            return
        if not (self.work / "tokenizer.json").exists():
            few = ("--captions", 1500) if steps < 100 else ()
            self.run("tokenizer", *self._names(), "--out", self.work / "tokenizer.json", *few)
        self.run(
            "text_pretraining", "--tokenizer", self.work / "tokenizer.json", *self._names(),
            "--out", self.work / "text.pt", "--steps", steps, *more,
        )  # fmt: skip

    def samples(self, stage: str, seconds: float) -> int:
        """Measure how many samples `seconds` are good for; once, so that a plan that is run again is the same plan."""
        if stage not in self.rates:
            printed = self.run(
                "flow_matching", *self._transformer(), "--out", self.work, "--plan", self.phase(stage, 1),
                "--measure", 8,
            )  # fmt: skip
            rate = re.search(r"([\d.]+) samples a second", printed)
            if rate is None:
                raise SystemExit("the rate was not measured")
            self.note(stage, float(rate[1]))
        return int(self.rates[stage] * seconds)

    def note(self, name: str, value: float) -> None:
        """Keep a figure for when the plan is run again."""
        self.rates[name] = value
        (self.work / "rates.json").write_text(json.dumps(self.rates) + "\n", encoding="utf-8")

    def flow(self, name: str, phases: str, seconds: float, *more: object) -> None:
        """Train the flow."""
        self.run(
            "flow_matching", *self._transformer(), "--out", self.work / name, "--plan", phases,
            "--seconds", seconds, *more,
        )  # fmt: skip

    def distil(self, kind: str, teacher: str, phases: str, seconds: float, *more: object) -> None:
        """Bake guidance in, or few steps."""
        self.run(
            f"{kind}_distillation", *self._transformer(), "--teacher", self.work / teacher, "--out", self.work / kind,
            "--plan", phases, "--seconds", seconds, *more,
        )  # fmt: skip

    def autoencoder(self, part: str, phases: str, seconds: float, *more: object) -> None:
        """Train a half of the autoencoder, or finish both."""
        self.run(
            "distill_autoencoder", "--cache", self.work / "cache", "--out", self.work / f"{part}.pt", "--part", part,
            "--plan", phases, "--seconds", seconds, "--device", self.machine.device,
            "--threads", self.machine.threads, *more,
        )  # fmt: skip

    def package(self, flow: str, steps: int, halves: Sequence[Path] = ()) -> None:
        """Write the model folder."""
        decoder, encoder = halves or (self.work / "decoder.pt", self.work / "encoder.pt")
        self.run(
            "package", "--tokenizer", self.work / "tokenizer.json", "--flow", self.work / flow, "--decoder", decoder,
            "--encoder", encoder, "--out", self.work / "model", "--size", self.machine.size, "--steps", steps,
        )  # fmt: skip

    def phase(self, stage: str, samples: int, references: float = 0.5) -> str:
        """Say a phase of a plan as the stages' commands read it."""
        return f"{stage}:{samples}:{references}:{self.machine.batch(stage)}"

    def _names(self) -> tuple[object, ...]:
        return "--cut-outs", self.sources / "assets", "--names", self.sources / "data-by-emoji.json"

    def _transformer(self) -> tuple[object, ...]:
        m = self.machine
        fast = ("--bf16", "--compile") if m.fast else ()
        return (
            "--cache", self.work / "cache", "--tokenizer", self.work / "tokenizer.json", "--size", m.size,
            "--device", m.device, "--threads", m.threads, "--workers", m.planners, *fast,
        )  # fmt: skip


def rehearse(plan: Plan) -> None:
    """Run every stage for fifty steps on tiny sizes: what breaks here would have broken there."""
    plan.paint("rehearsal", "0:6", 600, "--eight-bits")
    plan.words(50)
    batch = plan.machine.batch("rehearsal")
    phase = plan.phase("rehearsal", 50 * batch)
    plan.flow("flow", phase, 0.01, "--text", plan.work / "text.pt")  # stopped at once, and resumed
    plan.flow("flow", phase, 600, "--text", plan.work / "text.pt")
    plan.flow("flow-next", plan.phase("rehearsal", 10 * batch), 600, "--start", plan.work / "flow", "--refresh", 5)
    plan.distil("guidance", "flow-next", phase, 600, "--words", 1.5, "--references", 1.25)
    plan.distil("step", "guidance", phase, 600, "--slim", plan.work / "slim")
    for part in ("decoder", "encoder"):
        plan.autoencoder(part, "64:50:4:rehearsal", 600)
    halves = plan.work / "decoder-joint.pt", plan.work / "encoder-joint.pt"
    starts = plan.work / "decoder.pt", plan.work / "encoder.pt"
    plan.autoencoder("joint", "64:50:2:rehearsal", 600, "--start", *starts, "--split", *halves)
    plan.package("slim", 4, halves)
    plan.run("evaluate", "--model", plan.work / "model", "--prompts", 4, goals=True)


def on_cpu(plan: Plan, hours: float, start: Path | None, start_tokenizer: Path | None) -> None:
    """Spend `hours` of this machine: words, scenes, the flow at three sizes, the autoencoder.

    Guidance and few steps are left out: at the rates a CPU reaches, guidance cost more colour than it gave, and four
    steps already go where 28 do (the log). `start` is an earlier version's flow. Run again, it goes on.
    """
    seconds = hours * 3600
    words = ("--start", start, "--start-tokenizer", start_tokenizer) if start and start_tokenizer else ()
    plan.words(900, *words)
    for stage, shards, share in (("small", 96, 0.09), ("middle", 36, 0.07), ("large", 24, 0.06)):
        if f"painted {stage}" in plan.rates:
            continue
        # The teacher takes most of the time, in one process: two make use of two cores.
        painting = [plan.painting(stage, f"{first}:{shards}:2", share * seconds) for first in (0, 1)]
        for half in painting:
            plan.finish(half)
        plan.note(f"painted {stage}", 1)
    begin = ("--text", plan.work / "text.pt", *(("--start", start) if start else ()))
    for name, stage, share, references, more in (
        ("flow-small", "small", 0.42, 0.75, begin),
        ("flow-middle", "middle", 0.18, 0.7, ("--start", plan.work / "flow-small")),
        ("flow-large", "large", 0.12, 0.4, ("--start", plan.work / "flow-middle")),
    ):
        cool_down = 0.4 if stage == "large" else 0.0
        phases = plan.phase(stage, plan.samples(stage, share * seconds), references)
        plan.flow(name, phases, share * seconds, *more, "--cool-down", cool_down)
    for part in ("decoder", "encoder"):
        if not (plan.work / f"{part}.pt").exists():  # or those of an earlier version, copied there
            plan.autoencoder(part, "64:1600,128:1400,256:400", 0.1 * seconds)
    starts = plan.work / "decoder.pt", plan.work / "encoder.pt"
    halves = plan.work / "decoder-joint.pt", plan.work / "encoder-joint.pt"
    plan.autoencoder("joint", "128:600:4,256:300:2", 0.06 * seconds, "--start", *starts, "--split", *halves)
    plan.package("flow-large", 4, halves)
    plan.run("evaluate", "--model", plan.work / "model", goals=True)


def on_gpu(plan: Plan, part: int, seconds: float, out: Path) -> None:
    """Run one of three commands of at most ten minutes each; state stays in the work folder between them.

    `out` takes what must come back: weights in bf16, in files below 16 MiB, from which a lost machine's work goes on.
    """
    plan.deadline = time.monotonic() + seconds
    bare = "--without-pixels"
    slim = ("--slim", out / f"part-{part}")
    if part == 1:
        plan.words(1500)
        plan.paint("small", "0:100000", 75, bare)
        behind = plan.painting("small", "0:100000", plan.left - 330, bare)
        begin = ("--text", plan.work / "text.pt")
        _flow_for(plan, "flow-small", "small", plan.left - 45, *begin, "--cool-down", 0, "--refresh", 400, *slim)
        plan.finish(behind)
    elif part == 2:
        plan.paint("middle", "0:100000", 60, bare)
        behind = plan.painting("middle", "0:100000", plan.left - 330, bare)
        start = ("--start", _latest(plan, "flow-small"))
        _flow_for(plan, "flow-middle", "middle", plan.left - 40, *start, "--cool-down", 0, "--refresh", 300, *slim)
        plan.finish(behind)
    else:
        plan.paint("large", "0:100000", 45, bare)
        start = ("--start", _latest(plan, "flow-middle"))
        behind = plan.painting("large", "0:100000", 60, bare)
        _flow_for(plan, "flow-large", "large", 0.42 * plan.left, *start, "--cool-down", 0.5, "--refresh", 100)
        plan.finish(behind)
        _distil_for(plan, "guidance", "flow-large", 0.35 * plan.left, "--words", 1.3, "--references", 1.3)
        _distil_for(plan, "step", "guidance", plan.left - 30, *slim)


def _flow_for(plan: Plan, name: str, stage: str, seconds: float, *more: object) -> None:
    started = time.monotonic()
    samples = plan.samples(stage, seconds - 40)
    plan.flow(name, plan.phase(stage, samples, 0.6), seconds - (time.monotonic() - started), *more)


def _distil_for(plan: Plan, kind: str, teacher: str, seconds: float, *more: object) -> None:
    # Two to four of the teacher's passes beside the student's three: at most half of the flow's rate.
    samples = plan.samples("middle", 0.4 * (seconds - 25))
    plan.distil(kind, teacher, plan.phase("middle", samples, 0.6), seconds, *more)


def _latest(plan: Plan, name: str) -> Path:
    """Return this machine's checkpoint, or the slim one that was carried to a new machine with the sources."""
    return plan.work / name if (plan.work / name).exists() else plan.sources / name


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rehearse", "cpu", "gpu"))
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=2.5)
    parser.add_argument("--start", type=Path, help="cpu: go on from this checkpoint of the flow")
    parser.add_argument("--start-tokenizer", type=Path, help="cpu: what that version cut its words with")
    parser.add_argument("--part", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("--seconds", type=float, default=560)
    parser.add_argument("--out", type=Path, default=Path("out"))
    a = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    started = time.monotonic()
    if a.what == "rehearse":
        rehearse(Plan(a.sources, a.work, TINY))
    elif a.what == "cpu":
        on_cpu(Plan(a.sources, a.work, CPU), a.hours, a.start, a.start_tokenizer)
    else:
        on_gpu(Plan(a.sources, a.work, GPU), a.part, a.seconds, a.out)
    print(f"{a.what}: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
