"""Upsampled prompts as a file in `prompts/` states them: what planning wrote, and what a language model made of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_CLOSED = ConfigDict(frozen=True, extra="forbid")

MAX_PROMPT = 4000
"""Characters of an upsampled prompt: about twice what the 512 tokens that FLUX.2 reads can hold."""


class UpsampledPrompt(BaseModel):
    """One prompt in two wordings. A plate is found by the original and its reference pictures, to the letter."""

    model_config = _CLOSED

    original: str = Field(description="what planning writes; a plate whose prompt is another one is not touched")
    references: tuple[str, ...] = Field((), description="SHA-256 of the reference pictures the model saw, in order")
    text: str | None = Field(None, description="what is painted instead; may be edited")
    kept: str = Field("", description="why the original stays, where there is no text")
    review: tuple[str, ...] = Field((), description="what somebody should look at")
    model: str
    weights: str = Field(description="digest of the model's files")
    seed: int


class PromptFile(BaseModel):
    """One campaign's upsampled prompts."""

    model_config = _CLOSED

    flux2flow: int
    prompts: tuple[UpsampledPrompt, ...] = ()
