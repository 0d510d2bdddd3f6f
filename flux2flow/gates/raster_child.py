r"""SVG on standard input → confinement status and PNG on standard output. Run as a file, alone, by `vectors`.

    python -I -S raster_child.py <folder of resvg_py> <width> <height>

Answers `ok <status>\n<png>` or `error <status>\n<message>`. Knows nothing of flux2flow: it must start bare.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

CPU_SECONDS = 10
MEMORY_BYTES = 1_000_000_000


def _load(name: str, path: str) -> object:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Import, read, confine, draw, answer."""
    folder, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.path.append(folder)
    import resvg_py

    confinement = _load("confinement", str(Path(__file__).with_name("confinement.py")))
    status = confinement.confine(cpu_seconds=CPU_SECONDS, memory_bytes=MEMORY_BYTES)  # type: ignore[attr-defined]
    source = sys.stdin.buffer.read().decode("utf-8")
    try:
        png = resvg_py.svg_to_bytes(svg_string=source, skip_system_fonts=True, width=width, height=height)
        answer = b"ok %s\n%s" % (status.encode(), bytes(png))
    except (ValueError, MemoryError) as error:
        answer = b"error %s\n%s" % (status.encode(), str(error).encode())
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing to tear down, and a confined interpreter cannot open what teardown may want


if __name__ == "__main__":
    main()
