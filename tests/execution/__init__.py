"""Tests of flux2flow.execution."""
