"""Tests of flux2flow.typography."""
