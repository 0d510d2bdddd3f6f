"""Turns the user's files into a CampaignBundle; every key and value keeps its place. Refuses to plan anything."""

from flux2flow.loading.diagnostics import format_diagnostic
from flux2flow.loading.loader import load
from flux2flow.loading.project_file import accepted_licences, require_licence
from flux2flow.loading.prompt_file import prompt_file_path, prompt_file_text, read_prompt_file, write_prompt_file
from flux2flow.loading.schemas import schema

__all__ = [
    "accepted_licences",
    "format_diagnostic",
    "load",
    "prompt_file_path",
    "prompt_file_text",
    "read_prompt_file",
    "require_licence",
    "schema",
    "write_prompt_file",
]
