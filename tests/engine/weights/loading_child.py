"""Load a large file in this process and print how far resident memory rose at its peak, and what was kept.

Run as a script: "ours" or "greedy", a dtype, and the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from flux2engine.transformer import Flux2Transformer
from flux2engine.weights.checkpoint import open_checkpoint
from flux2engine.weights.identify import identify
from flux2engine.weights.loading import load_weights
from tests.engine.weights.measured_child import status


def main() -> None:
    """Build on the meta device, load, and measure."""
    reader, dtype, path = sys.argv[1], getattr(torch, sys.argv[2]), Path(sys.argv[3])
    checkpoint = open_checkpoint(path)
    found = identify(checkpoint)
    with torch.device("meta"):
        module = Flux2Transformer(found.shape)  # type: ignore[arg-type]
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = status("VmRSS")
    if reader == "ours":
        load_weights(module, checkpoint, found, torch.device("cpu"), dtype)
    else:
        module.load_state_dict({name: part.to(dtype) for name, part in load_file(path).items()}, assign=True)
    kept = sum(part.nbytes for part in module.parameters())
    largest = max(part.nbytes for part in module.parameters())
    print(json.dumps({"rose": status("VmHWM") - before, "kept": kept, "largest": largest}))


if __name__ == "__main__":
    main()
