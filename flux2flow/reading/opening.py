"""What is installed → a reader, or the remedy. Imports nothing heavy until a reader is opened."""

from __future__ import annotations

import functools
import importlib.util

from flux2flow.errors import PluginError
from flux2flow.interfaces import TextReader

NEEDED = ("rapidocr", "onnxruntime", "cv2")
REMEDY = "install it with: pip install 'flux2flow[ocr]'"


def missing() -> tuple[str, ...]:
    """Name the packages that reading needs and that are not installed, without importing any."""
    return tuple(name for name in NEEDED if importlib.util.find_spec(name) is None)


@functools.cache
def open_reader() -> TextReader:
    """Open the reader, once per process; raise PluginError with the remedy where the extra is absent or broken."""
    if lacking := missing():
        raise PluginError(f"reading pictures back needs the extra [ocr] ({', '.join(lacking)} missing): {REMEDY}")
    try:
        from flux2flow.reading.rapid import RapidReader

        return RapidReader()
    except ImportError as error:
        raise PluginError(f"the packages of the extra [ocr] cannot be loaded ({error}): {REMEDY}") from error
