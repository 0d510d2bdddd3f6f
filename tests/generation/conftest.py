"""The engine's small model, for the backend that paints with it."""

from __future__ import annotations

from tests.engine.conftest import model_folder, tokenizer

__all__ = ["model_folder", "tokenizer"]
