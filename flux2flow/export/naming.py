"""A scene and a media type → the asset's path under build/<campaign>/, valid and unique on every file system.

ASCII, lower case, short. What a name loses on the way to that is replaced by a hash of the whole; nothing is looked up.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from flux2flow.domain.format import Media
from flux2flow.domain.scene import Scene

_EXTENSIONS: dict[Media, str] = {"png": "png", "jpeg": "jpg", "webp": "webp"}
_LONGEST = 40
_HASH = 10  # hex digits
_WHOLE_CAMPAIGN = "all"
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"com{digit}" for digit in range(10)), *(f"lpt{digit}" for digit in range(10)))
)
"""Names that Windows keeps for devices, with any extension."""
_LANGUAGE_TAG = re.compile(r"[a-z]{2,8}(-[A-Z][a-z]{3})?(-[A-Z]{2}|-[0-9]{3})?\Z")


def asset_path(scene: Scene, media: Media) -> str:
    """Return `<entry>/<format>/<locale>/<row>[--<variant value>…].<extension>`.

    Slugs hold no `_` and no `--`, so the joints are unambiguous and no two scenes of one plan share a path.
    """
    format_name = "_".join(slug(part) for part in scene.format.split("/"))
    row = slug(scene.row) if scene.row else _WHOLE_CAMPAIGN
    name = "--".join((row, *(slug(value) for _, value in scene.variant)))
    return f"{slug(scene.entry)}/{format_name}/{_locale(scene.locale)}/{name}.{_EXTENSIONS[media]}"


def slug(text: str) -> str:
    """Return `text` if it is a safe file name everywhere, else what is left of it with a hash of the whole."""
    plain = _plain(text)
    if plain and plain == text and len(plain) <= _LONGEST and plain not in _DEVICES and not _looks_hashed(plain):
        return plain
    return _hashed(plain, text)


def _plain(text: str) -> str:
    """Return what is left of a text in lower-case ASCII letters, digits and single hyphens."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")


def _hashed(plain: str, text: str) -> str:
    # surrogatepass: a key read from JSON may hold half a surrogate pair
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
    kept = plain[: _LONGEST - _HASH - 1].strip("-")
    return f"{kept}-{digest}" if kept else digest


def _looks_hashed(plain: str) -> bool:
    """Whether a plain name could be mistaken for one that carries a hash."""
    return re.search(rf"(?:\A|-)[0-9a-f]{{{_HASH}}}\Z", plain) is not None


def _locale(locale: str) -> str:
    """Keep a language tag in its canonical case: two canonical tags never differ by case alone."""
    return locale if _LANGUAGE_TAG.match(locale) and locale not in _DEVICES else _hashed(_plain(locale), locale)
