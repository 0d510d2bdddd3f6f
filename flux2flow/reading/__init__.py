"""Pixels → the words in them. Refuses to know what the words should be, and which findings follow.

The seam is `interfaces.TextReader`; the one reader so far is RapidOCR, whose models come in its wheel (extra `[ocr]`).
"""

from __future__ import annotations

from flux2flow.reading.opening import missing, open_reader

__all__ = ["missing", "open_reader"]
