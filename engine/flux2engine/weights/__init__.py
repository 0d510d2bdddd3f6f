"""Weights files: found, read strictly, named by digest, loaded with every missing and unexpected key said."""

from __future__ import annotations
