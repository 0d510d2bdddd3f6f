"""Draw SVG files with resvg as it comes, unconfined: the positive control of the canary tests.

python plain_renderer.py <folder for PNG files> <svg>…
"""

import sys
from pathlib import Path

import resvg_py

for name in sys.argv[2:]:
    try:
        picture = resvg_py.svg_to_bytes(svg_string=Path(name).read_text(), skip_system_fonts=True)
    except ValueError:
        continue
    (Path(sys.argv[1]) / f"{Path(name).stem}.png").write_bytes(bytes(picture))
