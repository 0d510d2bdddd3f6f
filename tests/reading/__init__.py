"""Tests of reading pictures back."""
