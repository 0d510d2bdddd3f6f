"""Tests of auditing finished pictures."""
