"""A campaign bundle → the standards its pictures are held to: kit and campaign joined, colours resolved.

Knows no check: which words or colours are wrong is found on the finished picture.
"""

from __future__ import annotations

from flux2flow.domain.brand_kit import BrandKit
from flux2flow.domain.campaign import CampaignBundle
from flux2flow.domain.measures import Color
from flux2flow.domain.standards import Standards


def standards(bundle: CampaignBundle) -> Standards:
    """Join what kit and campaign say."""
    kit, campaign = bundle.brand_kit, bundle.campaign
    words = kit.words
    return Standards(
        profile=campaign.checks.profile,
        waivers=campaign.checks.waivers,
        names=kit.names_in_copy,
        allowed=words.allowed,
        marks=tuple(sorted(words.marks.items())),
        dictionaries=bundle.dictionaries,
        disclaimers=(*kit.legal, *campaign.legal),
        colors=_colors(kit),
        text_colors=tuple(dict.fromkeys(style.color for style in kit.styles.values())),
    )


def _colors(kit: BrandKit) -> tuple[tuple[str, Color], ...]:
    """Give the opaque tokens: a see-through one is no colour that a repair could rely on."""
    found = ((name, Color.from_hex(kit.color(name).value)) for name in kit.colors)
    return tuple((name, color) for name, color in found if color.alpha == 255)
