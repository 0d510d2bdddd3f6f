"""Tests of the checks and of what runs them."""
