"""Turns the user's files into a CampaignBundle; every key and value keeps its place. Refuses to plan anything."""

from flux2flow.loading.diagnostics import format_diagnostic
from flux2flow.loading.loader import load
from flux2flow.loading.schemas import schema

__all__ = ["format_diagnostic", "load", "schema"]
