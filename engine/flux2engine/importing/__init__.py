"""A checkpoint on disk → what it is, in plain data, and its records in the library. Copies and converts nothing.

Headers decide what a file is; the caller, names and `model_index.json` decide which variant, and every result says
which of them did. No class named by a file is ever looked up. Knows no module and runs no model.
"""

from __future__ import annotations

from flux2engine.importing.adding import Import, import_path
from flux2engine.importing.hashing import Progress
from flux2engine.importing.placing import ImportedPart, Outcome
from flux2engine.importing.showing import Shown, show
from flux2engine.importing.verifying import FileVerdict, verify

__all__ = [
    "FileVerdict",
    "Import",
    "ImportedPart",
    "Outcome",
    "Progress",
    "Shown",
    "import_path",
    "show",
    "verify",
]
