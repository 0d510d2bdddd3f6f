"""Tests of the manifest, the page and the summary."""
