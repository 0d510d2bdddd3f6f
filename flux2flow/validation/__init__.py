"""A CheckSubject and checks → Findings. Knows nothing about how the picture was made or where the file goes.

The built-in checks are the modules of `checks/`: one file each, named like its id, holding one `CHECK`.
"""

from __future__ import annotations

from flux2flow.validation.profiles import PRINT, PROFILES, SOCIAL, STRICT, WEB, Profile
from flux2flow.validation.validator import aliases, built_in, validate
from flux2flow.validation.waivers import notices, waived

__all__ = [
    "PRINT",
    "PROFILES",
    "SOCIAL",
    "STRICT",
    "WEB",
    "Profile",
    "aliases",
    "built_in",
    "notices",
    "validate",
    "waived",
]
