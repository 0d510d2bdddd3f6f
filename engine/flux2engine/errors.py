"""Every exception the engine raises on purpose, the tree drawn below. Knows nothing else.

EngineError
├── WeightsError            a weights file, or what it holds, cannot be used
│   └── UnknownLayoutError  a well-formed file in a layout nobody here knows
├── LibraryError            a name, record, variant or binding of the library of models does not fit
├── ManifestError           model.json of a model folder is missing, wrong or of a newer version
├── ReferencePictureError   a reference picture breaks the preparation rules
├── SizeError               an output size the model cannot paint
├── RequestError            prompts, seeds, references and steps do not fit together
│   └── PromptLengthError   a prompt of which the text encoder would read only the beginning
└── DeviceError             the device is not there, or has too little memory for a part of the model or a picture
"""

from __future__ import annotations

from collections.abc import Iterable

_NAMES_SHOWN = 10


class EngineError(Exception):
    """Stand at the root of every error that the engine raises on purpose."""


class WeightsError(EngineError):
    """Say what is wrong with weights; key lists are complete even where the message shortens them."""

    def __init__(
        self,
        message: str,
        *,
        missing: Iterable[str] = (),
        unexpected: Iterable[str] = (),
        mismatched: Iterable[str] = (),
    ) -> None:
        self.missing = tuple(sorted(missing))
        self.unexpected = tuple(sorted(unexpected))
        self.mismatched = tuple(sorted(mismatched))
        parts = [message]
        for label, names in (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("mismatched", self.mismatched),
        ):
            if names:
                parts.append(f"{label} ({len(names)}): {_listed(names)}")
        super().__init__("; ".join(parts))


class UnknownLayoutError(WeightsError):
    """Say that a file is well formed but in no layout the engine reads."""


class LibraryError(EngineError):
    """Say what does not fit in the library of installed models, and what to give instead."""


class ManifestError(EngineError):
    """Say what is wrong with a model folder or its model.json."""


class ReferencePictureError(EngineError):
    """Say which reference picture (1-based, as prompts count them) breaks which rule."""

    def __init__(self, index: int, message: str) -> None:
        self.index = index
        super().__init__(f"reference {index}: {message}")


class SizeError(EngineError):
    """Say why a width and height cannot be painted and which are next to them."""


class RequestError(EngineError):
    """Say which arguments of one call contradict each other."""


class PromptLengthError(RequestError):
    """Say how many tokens a prompt has and how many are read."""


class DeviceError(EngineError):
    """Say why a device cannot compute this: it is not there, or what needs how much memory."""


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"
