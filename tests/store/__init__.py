"""Tests of flux2flow.store."""
