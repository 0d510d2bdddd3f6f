"""RapidOCR (PP-OCR models from its own wheel, ONNX Runtime on one thread) behind the seam `TextReader`.

Boxes are canvas pixels. Refuses to download: whatever the wheel's models cannot read is named by `unreadable`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import math
import threading
import unicodedata
from collections import OrderedDict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR

from flux2flow.domain.canvas import Canvas
from flux2flow.domain.measures import Box
from flux2flow.domain.reading import ReadLine

MIN_CONFIDENCE = 0.5
"""Below it, a line that was found is taken for texture."""
_REMEMBERED = 16
_ENGINE = "EngineConfig.onnxruntime"
_SETTINGS: dict[str, Any] = {
    "Global.log_level": "critical",
    "Global.text_score": MIN_CONFIDENCE,
    f"{_ENGINE}.intra_op_num_threads": 1,  # more spin on a busy machine, and gain little on single lines
    f"{_ENGINE}.inter_op_num_threads": 1,
    # As it comes, the shorter side is brought to 736: a leaderboard would be searched at 5950 × 736.
    "Det.limit_type": "max",
    "Det.limit_side_len": 1600,
}
_ENLARGED_TO = 1500
"""Pixels of the longer side that a small picture is enlarged to, by a whole factor up to 3: 10 px type is found."""


class RapidReader:
    """Reads Latin, Greek, Chinese and Japanese. One at a time: the library keeps its switches between calls."""

    def __init__(self) -> None:
        level = logging.root.manager.disable
        logging.disable(logging.CRITICAL)  # it logs the files it loads, at every start, whatever its own level says
        try:
            engine: Any = RapidOCR  # untyped
            self._engine = engine(params=_SETTINGS)
            self._recogniser = self._engine._load_rec_model()
        finally:
            logging.disable(level)
        self.name = f"rapidocr {importlib.metadata.version('rapidocr')}"
        self._known = frozenset(character for entry in self._recogniser.postprocess_op.character for character in entry)
        self._lock = threading.Lock()
        self._pages: OrderedDict[bytes, tuple[ReadLine, ...]] = OrderedDict()

    def read(self, canvas: Canvas) -> tuple[ReadLine, ...]:
        """Find and read every line. The last few pictures are remembered: scenes of one plate follow each other."""
        key = hashlib.sha256(f"{canvas.size}".encode() + canvas.pixels).digest()
        with self._lock:
            if key not in self._pages:
                self._pages[key] = self._read(_pixels(canvas))
                while len(self._pages) > _REMEMBERED:
                    self._pages.popitem(last=False)
            self._pages.move_to_end(key)
            return self._pages[key]

    def read_line(self, canvas: Canvas, box: Box) -> ReadLine:
        """Read one line in its box, without looking for it."""
        pixels = _pixels(canvas)
        top, bottom = max(math.floor(box.y), 0), min(math.ceil(box.bottom), canvas.size.height)
        left, right = max(math.floor(box.x), 0), min(math.ceil(box.right), canvas.size.width)
        if bottom - top < 2 or right - left < 2:
            return ReadLine("", box, 0.0)
        with self._lock:
            # All three switches each time: one that is left out keeps the value of the call before.
            found = self._engine(pixels[top:bottom, left:right], use_det=False, use_cls=False, use_rec=True)
        texts, scores = getattr(found, "txts", None), getattr(found, "scores", None)
        if not texts or not scores:
            return ReadLine("", box, 0.0)
        return ReadLine(str(texts[0]), box, float(scores[0]))

    def unreadable(self, text: str) -> str:
        """Return the letters that the model's own alphabet lacks."""
        letters = dict.fromkeys(
            character
            for character in unicodedata.normalize("NFC", text)
            if unicodedata.category(character)[0] in "LMN" and character not in self._known
        )
        return "".join(letters)

    def _read(self, pixels: NDArray[Any]) -> tuple[ReadLine, ...]:
        factor = max(1, min(3, _ENLARGED_TO // max(pixels.shape[:2])))
        if factor > 1:
            pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        found = self._engine(pixels, use_det=True, use_cls=False, use_rec=True)
        texts, corners, scores = (getattr(found, name, None) for name in ("txts", "boxes", "scores"))
        if not texts or corners is None or not scores:
            return ()
        return tuple(
            ReadLine(str(text), _hull(corner).scaled(1 / factor), float(score))
            for text, corner, score in zip(texts, corners, scores, strict=True)
        )


def _pixels(canvas: Canvas) -> NDArray[Any]:
    """Give the canvas as the library takes it: height × width × 3, blue first."""
    rows = np.frombuffer(canvas.pixels, np.uint8).reshape(canvas.size.height, canvas.size.width, 3)
    return np.ascontiguousarray(rows[:, :, ::-1])


def _hull(corners: NDArray[Any]) -> Box:
    """Four corners (4 × 2) → the upright box around them."""
    (x, y), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return Box(float(x), float(y), float(right - x), float(bottom - y))
