"""A project's own file, `flux2flow.yaml` at its root: it marks the root and says which licences were read and accepted.

A cloned repository brings this file along. It can therefore set nothing about endpoints, keys, plugins, commands, or
folders: those belong to the machine and its user.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ProjectFile(BaseModel):
    """What a project says about itself. An empty file says nothing and marks the root all the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flux2flow: int
    accept_licences: tuple[str, ...] = Field(
        (), description="licences of model weights that you have read and accept, such as FLUX-Non-Commercial-2.0"
    )
