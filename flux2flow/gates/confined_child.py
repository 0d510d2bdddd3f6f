r"""Untrusted bytes on standard input → confinement status and a drawing on standard output. Run as a file, alone.

    python -I -S confined_child.py <renderer> <folder of its package> <number>…

Answers `ok <status>\n<drawing>` or `error <status>\n<message>`. Imports next to nothing: what starts here starts for
every logo, and whatever is loaded is what a hostile file could reach.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType

# Not as a part of flux2flow, which would put all that lies beside it within reach; nor with `pathlib` or
# `importlib.util`, whose imports take as long as everything else here. `-I -S` keeps out the environment and the
# user's packages.


def beside(name: str) -> ModuleType:
    """Load a module that lies beside this file, by its path: the folder itself stays out of `sys.path`."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")  # noqa: PTH100, PTH118, PTH120 - no pathlib here
    module = ModuleType(name)
    module.__file__ = path
    SourceFileLoader(name, path).exec_module(module)
    return module


def main() -> None:
    """Import, confine, read, draw, answer."""
    name, folder, *numbers = sys.argv[1:]
    sys.path.append(folder)
    renderer, confinement = beside(name), beside("confinement")  # everything is imported before the walls close
    status = confinement.confine(cpu_seconds=renderer.CPU_SECONDS, memory_bytes=renderer.MEMORY_BYTES).encode()
    source = sys.stdin.buffer.read()
    try:
        answer = b"ok %s\n%s" % (status, renderer.draw(source, *map(int, numbers)))
    except renderer.FAILURES as error:
        answer = b"error %s\n%s" % (status, str(error).encode())
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing to tear down, and a confined interpreter cannot open what teardown may want


if __name__ == "__main__":
    main()
