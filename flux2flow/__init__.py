"""Declarative creative assets: brand kits and campaigns in YAML become finished, checked pictures.

Importing this package loads no model, no drawing library and no command line; `flux2flow.api` is the program.
"""

from __future__ import annotations

__version__ = "0.1.0"
