"""Kills the render with SIGKILL at times spread over its run, runs the same command again, and has a checker judge.

`python tests/fault/kill.py --kills 40 --log FOLDER`. Every trial is a fresh copy of a campaign; five in forty have two
processes at work at once, of which one or both are killed. Prints a histogram; exits 1 on any violation.
"""

from __future__ import annotations

import argparse
import collections
import datetime as dt
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261123
PAIR_EVERY = 8
OUTSIDE_EVERY = 10
CONTROLS = 6


@dataclass
class Trial:
    """One kill: when it was due, what the journal had said last, and what the checker found."""

    number: int
    processes: int
    line: int
    """The journal line after which the kill was sent; 0 is a kill during start-up."""
    last_record: str = ""
    inside: bool = False
    kills: int = 0
    repeats: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass
class Range:
    """Where trials run: a folder, how slow a step is, the uninterrupted run and how long it worked."""

    folder: Path
    step: float
    campaign: Path | None
    """The campaign's folder; None takes a plan made by hand, which starts faster."""
    outcome: int = 0
    lines: int = 0
    pause: float = 0.0
    """Journal lines of the uninterrupted run, and the mean time between two of them, in seconds."""
    startup: float = 0.0
    sabotage: bool = False

    @property
    def reference(self) -> Path:
        """Name the uninterrupted run's project."""
        return self.folder / "reference"

    def start(self, project: Path, name: str) -> subprocess.Popen[bytes]:
        """Start the command under test; its output goes to a file that survives it."""
        environment = {**os.environ, "FLUX2FLOW_TEST_STEP_SECONDS": str(self.step), "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "engine")])
        if self.sabotage and name != "again":
            environment["FLUX2FLOW_TEST_SABOTAGE"] = "1"
        with (project / f"{name}.out").open("wb") as out, (project / f"{name}.err").open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.fault.worker", str(project), str(project / "calls")],
                stdout=out,
                stderr=errors,
                cwd=ROOT,
                env=environment,
            )

    def prepare(self, project: Path) -> None:
        """Make a project: the campaign with the procedural backend and two languages, or an empty folder."""
        if self.campaign is None:
            project.mkdir(parents=True)
            return
        shutil.copytree(self.campaign, project, ignore=shutil.ignore_patterns("build", ".flux2flow"))
        path = project / "campaign.yaml"
        text = path.read_text(encoding="utf-8").replace("model: nano", "model: procedural")
        path.write_text(text.replace("locales: [en, de, ar, ja]", "locales: [en, ar]"), encoding="utf-8")

    def run_reference(self) -> None:
        """Make the uninterrupted run and measure its start-up and its work."""
        self.prepare(self.reference)
        began = time.monotonic()
        process = self.start(self.reference, "whole")
        while not journals(self.reference) and process.poll() is None:
            time.sleep(0.002)
        first = time.monotonic()
        self.outcome = process.wait()
        if self.outcome not in (0, 1):
            raise SystemExit((self.reference / "whole.err").read_text())
        self.lines = len(journals(self.reference)[0].read_bytes().splitlines())
        self.startup, self.pause = first - began, (time.monotonic() - first) / self.lines

    def trial(self, number: int, kills: int, chance: random.Random) -> Trial:
        """Kill once (or both of a pair), judge, run the same command to its end, judge again."""
        pair = number % PAIR_EVERY == PAIR_EVERY - 1
        project = self.folder / f"trial-{number:03d}"
        self.prepare(project)
        outside = number % OUTSIDE_EVERY == OUTSIDE_EVERY - 1
        # Stratified: trial n falls into the n-th part of the journal; a few fall into start-up instead.
        line = 0 if outside else 1 + int((self.lines - 2) * (number + chance.random()) / kills)
        trial = Trial(number, 2 if pair else 1, line)
        processes = [self.start(project, f"killed-{n}") for n in range(trial.processes)]
        await_line(project, processes, line)
        time.sleep(chance.uniform(0, self.startup if outside else self.pause))
        victims = processes if pair and chance.random() < 0.5 else processes[:1]
        for process in victims:
            process.send_signal(signal.SIGKILL)
        trial.kills = sum(process.wait() == -signal.SIGKILL for process in victims)
        trial.last_record, trial.inside = last_record(project)
        outputs = sorted(project.glob("*.out"))
        if len(victims) == len(processes):
            trial.violations += check("always", project, self.reference, outputs)
        for process in processes:
            process.wait()
        again = self.start(project, "again")
        if again.wait() != self.outcome:
            trial.violations.append(f"I4 the same command ended with {again.returncode}")
        if not (project / "again.out").read_text().endswith(f"end {self.outcome}\n"):
            trial.violations.append("I7 the last line does not say what happened")
        for process in set(processes) - set(victims):
            if process.returncode != self.outcome:
                trial.violations.append(f"I4 the surviving process ended with {process.returncode}")
        outputs = sorted(project.glob("*.out"))
        trial.violations += check("finished", project, self.reference, outputs, trial.kills)
        trial.repeats = len((project / "calls").read_text().splitlines()) - len(
            (self.reference / "calls").read_text().splitlines()
        )
        return trial

    def control(self) -> int:
        """Count what the checker finds where files are written in place: it must find something."""
        self.sabotage = True
        chance = random.Random(SEED)
        return sum(len(self.trial(1000 + 100 * n, 2000, chance).violations) for n in range(CONTROLS))


def await_line(project: Path, processes: list[subprocess.Popen[bytes]], line: int) -> None:
    """Wait until a journal of the project has so many lines, or nobody is at work any more."""
    while any(process.poll() is None for process in processes):
        if max((path.read_bytes().count(b"\n") for path in journals(project)), default=0) >= line:
            return
        time.sleep(0.002)


def journals(project: Path) -> list[Path]:
    """List the journals that hold something."""
    folder = project / ".flux2flow" / "journal"
    return [path for path in sorted(folder.glob("*.jsonl")) if path.stat().st_size]


def last_record(project: Path) -> tuple[str, bool]:
    """Say what the first journal said last, and whether the kill fell between its first and its last line."""
    found = journals(project)
    if not found:
        return "before the first line", False
    whole = [line for line in found[0].read_bytes().split(b"\n")[:-1] if line]
    kind = json.loads(whole[-1])["record"]["kind"] if whole else "before the first line"
    return kind, bool(whole) and kind != "run-end"


def check(moment: str, project: Path, reference: Path, outputs: list[Path], kills: int = 0) -> list[str]:
    """Ask the checker, a process of its own that imports nothing of the program."""
    told = [option for path in outputs for option in ("--told", str(path))]
    command = [sys.executable, "-I", str(Path(__file__).with_name("checker.py")), moment, str(project), str(reference)]
    command += [*told, "--calls", str(project / "calls"), "--kills", str(kills)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode not in (0, 1) or result.stderr:
        return [f"the checker itself failed: {result.stderr}"]
    return result.stdout.splitlines()


def histogram(trials: list[Trial], journal_lines: int) -> list[str]:
    """Draw how many kills fell after which kind of line, and into which tenth of the journal."""
    kinds = collections.Counter(trial.last_record for trial in trials)
    lines = ["kills by the journal's last line:"]
    lines += [f"  {kind:<22} {count:>3} {'#' * count}" for kind, count in kinds.most_common()]
    tenths = collections.Counter(min(10 * trial.line // journal_lines, 9) for trial in trials if trial.inside)
    lines.append(f"kills between the first and the last line, by tenth of the journal's {journal_lines} lines:")
    lines += [f"  {tenth * 10:>3} % {tenths[tenth]:>3} {'#' * tenths[tenth]}" for tenth in range(10)]
    return lines


def main() -> int:
    """Run the trials, print the figures, write them to a dated log; exit 1 on any violation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--step", type=float, default=0.05, help="seconds per painting step")
    parser.add_argument("--no-control", dest="control", action="store_false", help="skip the sabotaged trials")
    parser.add_argument("--campaign", type=Path, default=ROOT / "examples" / "aurora", help="folder of campaign.yaml")
    parser.add_argument("--by-hand", action="store_true", help="a plan without a campaign: starts faster")
    parser.add_argument("--log", type=Path, help="folder for the dated log")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flux2flow-kill-") as folder:
        place = Range(Path(folder), options.step, None if options.by_hand else options.campaign)
        place.run_reference()
        chance = random.Random(SEED)
        trials = [place.trial(number, options.kills, chance) for number in range(options.kills)]
        control = place.control() if options.control else None
    inside, repeats = sum(trial.inside for trial in trials), [trial.repeats for trial in trials]
    violations = [f"trial {trial.number}: {violation}" for trial in trials for violation in trial.violations]
    lines = [
        f"kill -9 under the render, {dt.date.today()}, seed {SEED}, Python {platform.python_version()}",
        f"trials {len(trials)}, processes killed {sum(trial.kills for trial in trials)}",
        f"campaign: {'a plan made by hand' if options.by_hand else options.campaign.name}, {place.lines} journal lines",
        f"trials with two processes at work: {sum(trial.processes == 2 for trial in trials)}",
        f"between the first and the last journal line: {inside} of {len(trials)}",
        *histogram(trials, place.lines),
        f"plates painted again: {sum(repeats)} in all, at most {max(repeats)} in one trial",
        f"violations: {len(violations)}",
        *violations,
        f"control, files written in place instead of renamed: {control} violations in {CONTROLS} kills",
        f"took {time.monotonic() - began:.0f} s",
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.log:
        kind = "-by-hand" if options.by_hand else ""
        options.log.mkdir(parents=True, exist_ok=True)
        (options.log / f"kill{kind}-{dt.date.today()}.txt").write_text(text)
    return 1 if violations or inside < 0.75 * len(trials) or control == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
