"""A CheckSubject and checks → Findings. Knows nothing about how the picture was made or where the file goes.

The built-in checks are the modules of `checks/`: one file each, named like its id, holding one `CHECK`.
"""

from __future__ import annotations

from flux2flow.validation.profiles import WEB, Profile
from flux2flow.validation.validator import built_in, validate

__all__ = ["WEB", "Profile", "built_in", "validate"]
