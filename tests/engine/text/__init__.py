"""Tests of what turns words into states and words into better words."""
