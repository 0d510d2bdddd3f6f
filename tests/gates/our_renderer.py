"""Draw SVG files through the vector gate, and once more unsanitised in the confined child; strace watches.

python our_renderer.py <folder for PNG files> <svg>…
"""

import sys
from contextlib import suppress
from pathlib import Path

from flux2flow.errors import GateError
from flux2flow.gates import pictures, vectors

for name in sys.argv[2:]:
    source = Path(name).read_bytes()
    stem = Path(name).stem
    with suppress(GateError):
        (Path(sys.argv[1]) / f"gate-{stem}.rgba").write_bytes(vectors.rasterise(source, 50, 50))
    with suppress(GateError):
        png = vectors.draw_confined(source, 50, 50)[1]
        (Path(sys.argv[1]) / f"child-{stem}.rgba").write_bytes(pictures.decode_rgba(png)[2])
