"""Audit the examples' good pictures and every kind of fault over seeds, and print what was caught.

python -m tests.auditing.bench_faults [SEEDS]
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from flux2flow.reading import open_reader
from tests.auditing.pictures import FAULTS, picture, scenes


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    locales = tuple(sys.argv[2:]) or ("en", "de", "ja")
    reader, took = open_reader(), []
    blocked = warned = pictures = 0
    for example in ("aurora", "halfmoon"):
        for scene in scenes(example, locales):
            began = time.perf_counter()
            found = picture(example, scene.id).check(reader=reader).findings
            took.append(time.perf_counter() - began)
            pictures += 1
            blocked += any(finding.blocking for finding in found)
            warned += any(finding.level == "warn" for finding in found)
            for finding in found:
                if finding.level != "info":
                    print(f"false  {scene.id}: {finding.level} {finding.check} {finding.message}", flush=True)
    took.sort()
    print(
        f"good   {pictures} pictures: {blocked} with a failure, {warned} with a warning; "
        f"median {took[len(took) // 2]:.1f} s"
    )
    total: Counter[str] = Counter()
    for name, fault in FAULTS.items():
        made = picture(*fault.on)
        for seed in range(seeds):
            found = made.check(fault.make(made, seed), reader if fault.reads else None).findings
            caught = any(finding.check == fault.check and finding.level != "info" for finding in found)
            if fault.check == "ocr-readback":
                raise AssertionError("a finding that is always there proves nothing")
            total["caught" if caught else "missed"] += 1
            if not caught:
                print(f"missed {name}, seed {seed}: {[(f.check, f.message) for f in found]}", flush=True)
    print(f"faults {dict(total)} of {len(FAULTS)} kinds × {seeds} seeds")


if __name__ == "__main__":
    main()
