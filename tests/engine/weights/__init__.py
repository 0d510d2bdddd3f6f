"""Weights files: read, identified, loaded."""
