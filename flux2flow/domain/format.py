"""A placement: its size, what its platform accepts, and where type may stand."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flux2flow.domain.measures import Insets, PixelSize

AspectClass = Literal["banner", "landscape", "square", "portrait", "tall"]
Media = Literal["png", "jpeg", "webp"]


class SafeArea(BaseModel):
    """Pixels to keep free of type and logo on each side of the delivered picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    top: float = Field(0, ge=0)
    right: float = Field(0, ge=0)
    bottom: float = Field(0, ge=0)
    left: float = Field(0, ge=0)

    @property
    def insets(self) -> Insets:
        """The same as geometry."""
        return Insets(self.top, self.right, self.bottom, self.left)


class Format(BaseModel):
    """One delivered size, as a file in `formats/` states it. kB means 1,000 bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(description="platform/name, such as iab/leaderboard")
    title: str = ""
    width: int = Field(ge=16, le=8192, description="pixels")
    height: int = Field(ge=16, le=8192, description="pixels")
    media: tuple[Media, ...] = Field(("png", "jpeg"), min_length=1, description="file types the platform takes")
    max_bytes: int | None = Field(None, ge=1000, description="the platform's limit for one file, in bytes")
    safe_area: SafeArea = SafeArea()
    min_text: float = Field(10, ge=1, description="smallest type size in delivered pixels")
    min_x_height: float = Field(5, ge=0, description="smallest x-height in delivered pixels")
    aspect_class: AspectClass | None = Field(None, description="overrides the class that the ratio gives")
    headline_limit: int | None = Field(None, ge=1, description="platform's character limit for a headline")
    serves: tuple[str, ...] = Field(
        (), description="other formats of the same shape that this master is delivered to: their limits are united"
    )
    source: str = ""
    verified_on: str = ""
    confidence: Literal["high", "medium", "low"] = "medium"

    @property
    def size(self) -> PixelSize:
        """The delivered size."""
        return PixelSize(self.width, self.height)
