"""A finished picture of unknown making → what can be seen in it, and findings against a kit and a format.

Refuses to know how files are read and who reads words: pixels and a `TextReader` come in.
"""

from __future__ import annotations

from flux2flow.auditing.annotation import annotate
from flux2flow.auditing.as_layout import as_layout, as_scene
from flux2flow.auditing.looking import CutOut, LogoDrawing, look
from flux2flow.auditing.rules import FileFacts
from flux2flow.auditing.seen import SeenPicture
from flux2flow.auditing.slips import weighed

__all__ = ["CutOut", "FileFacts", "LogoDrawing", "SeenPicture", "annotate", "as_layout", "as_scene", "look", "weighed"]
