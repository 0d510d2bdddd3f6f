"""A minimal valid project, made anew for each test: text files from `project/`, a font and two pictures added."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import fontpkg
import pytest
from PIL import Image

from flux2flow.project import Project

BASE = Path(__file__).parent / "project"
BACKENDS = ("procedural", "nano")
LICENCES = ("Apache-2.0", "FLUX-Non-Commercial-2.0")
KNOWN = {"klein-4b": "import flux-2-klein-4b.safetensors", "klein-9b": "import flux-2-klein-9b.safetensors"}


def make_project(folder: Path) -> Path:
    """Write the project and give its campaign's path."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    kit = folder / "brand_kits" / "tiny"
    (kit / "fonts").mkdir()
    shutil.copyfile(fontpkg.path("Inter"), kit / "fonts" / "Inter.ttf")
    (kit / "photos").mkdir()
    Image.new("RGB", (16, 16), "#e8d5b5").save(kit / "photos" / "look.png")
    (folder / "photos").mkdir()
    cut_out = Image.new("RGBA", (24, 24), (0, 0, 0, 0))
    cut_out.paste((200, 60, 40, 255), (6, 6, 18, 24))
    cut_out.save(folder / "photos" / "cut-out.png")
    Image.new("RGB", (24, 24), "white").save(folder / "photos" / "opaque.png")
    return folder / "campaign.yaml"


def project_of(campaign: Path) -> Project:
    """Find the campaign's project, with an empty library, so that what ships changes no message."""
    return replace(Project.of(campaign), library=campaign.parent / "no-library")


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")
