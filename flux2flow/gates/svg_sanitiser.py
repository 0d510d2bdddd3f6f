"""SVG bytes → the same drawing rebuilt from allowed parts: no DTD, no links outside itself, counted and bounded.

What is allowed stands in `svg_rules`. Refuses what it cannot keep rather than drop what paints.
"""

from __future__ import annotations

import base64
import binascii
import functools
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, tostring

from flux2flow.errors import GateError
from flux2flow.gates import pictures
from flux2flow.gates import svg_rules as allow
from flux2flow.gates.svg_expansion import check_expansion

MAX_BYTES = 4_000_000
MAX_ELEMENTS = 50_000
MAX_USES = 2_000
MAX_DEPTH = 64
MAX_EMBEDDED_PIXELS = 64_000_000

_EMBEDDED = re.compile(r"\s*data:image/(?:png|jpe?g);base64,(.*)\Z", re.DOTALL | re.IGNORECASE)
_HREFS = ("href", f"{{{allow.XLINK}}}href")
_PLAIN_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?)(?:px)?\s*\Z")
_UNCHECKED = frozenset(("id", "class", "d", "points"))
"""Attributes that no renderer reads as CSS."""


@dataclass(frozen=True, slots=True)
class Sanitised:
    """A clean drawing: its viewBox, the root's other attributes, and its serialised children."""

    view_box: tuple[float, float, float, float]
    attributes: tuple[tuple[str, str], ...]
    body: bytes

    def sized(self, width: int, height: int, color: str = "") -> bytes:
        """Return the file with its root sized to `width` × `height` pixels, and `currentColor` set where given."""
        box = " ".join(repr(value) for value in self.view_box)
        attributes = dict(self.attributes) | {"width": str(width), "height": str(height), "viewBox": box}
        attributes |= {"color": color} if color else {}
        root = tostring(Element("svg", {"xmlns": allow.SVG, **attributes}), short_empty_elements=False)
        return root.removesuffix(b"</svg>") + self.body + b"</svg>"


@functools.lru_cache(maxsize=32)
def sanitised(data: bytes) -> Sanitised:
    """Rebuild an SVG from allowed parts; raises GateError naming the first rule it breaks."""
    if data[:2] == b"\x1f\x8b":
        raise GateError("compressed SVG (svgz) is not accepted: unpack it")
    if len(data) > MAX_BYTES:
        raise GateError(f"the SVG has {len(data):,} bytes; {MAX_BYTES:,} pass")
    source = _parse(data)
    if source.tag != f"{{{allow.SVG}}}svg":
        raise GateError("not an SVG: its root is not <svg> in the SVG namespace")
    box = _view_box(source)
    root = _Copier().copy(source)
    check_expansion(root)
    for size in ("width", "height", "viewBox", "x", "y"):
        root.attrib.pop(size, None)
    return Sanitised(box, tuple(sorted(root.attrib.items())), b"".join(tostring(child) for child in root))


def _parse(data: bytes) -> Element:
    """Return the document's root, with depth and count checked while it grows."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    depth = count = 0
    root: Element | None = None
    try:
        for event, element in iterparse(io.BytesIO(data), events=("start", "end"), forbid_dtd=True):
            if event == "end":
                depth -= 1
                continue
            root = element if root is None else root
            depth, count = depth + 1, count + 1
            if depth > MAX_DEPTH:
                raise GateError(f"the SVG nests deeper than {MAX_DEPTH} elements")
            if count > MAX_ELEMENTS:
                raise GateError(f"the SVG has more than {MAX_ELEMENTS:,} elements")
    except DefusedXmlException as error:
        raise GateError("the SVG has a DOCTYPE or entities: remove them") from error
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise GateError(f"the SVG is not well-formed XML: {error}") from error
    if root is None:
        raise GateError("the SVG is empty")
    return root


def _view_box(root: Element) -> tuple[float, float, float, float]:
    """Return the root's viewBox, or the one that a plain width and height imply."""
    text = root.get("viewBox")
    if text is None:
        sides = [_PLAIN_LENGTH.match(root.get(side, "")) for side in ("width", "height")]
        if sides[0] is None or sides[1] is None:
            raise GateError("the SVG has no viewBox: its drawing has no size")
        text = f"0 0 {sides[0].group(1)} {sides[1].group(1)}"
    values = allow.numbers(text)
    if len(values) != 4 or not all(abs(value) <= 1e6 for value in values) or min(values[2:]) < 1e-3:
        raise GateError(f"the SVG's viewBox is not usable: {text[:60]!r}")
    return values[0], values[1], values[2], values[3]


class _Copier:
    """Copies a tree, element by element, keeping only what is allowed."""

    def __init__(self) -> None:
        self._uses = 0
        self._embedded = 0
        self._by_element: dict[str, Callable[[Element], None]] = {
            "feGaussianBlur": self._blur,
            "feDropShadow": self._blur,
            "feMorphology": self._blur,
            "feTurbulence": self._turbulence,
            "feConvolveMatrix": self._kernel,
        }

    def copy(self, source: Element) -> Element:
        """Return the element without its namespace, cleaned, with its allowed children."""
        tag = source.tag.rpartition("}")[2]
        copy = Element(tag)
        for name, value in source.attrib.items():
            self._attribute(copy, name, value)
        if tag == "style":
            copy.text = allow.style_sheet("".join(source.itertext()))
            return copy
        if tag == "use":
            self._uses += 1
            if self._uses > MAX_USES:
                raise GateError(f"the SVG has more than {MAX_USES:,} <use> elements")
        check = self._by_element.get(tag)
        if check is not None:
            check(copy)
        for child in source:
            if self._keeps(child):
                copy.append(self.copy(child))
        return copy

    @staticmethod
    def _keeps(source: Element) -> bool:
        """Whether a child is copied; refuses what would paint, load or run."""
        if not isinstance(source.tag, str):
            return False  # a comment or processing instruction
        space, _, tag = source.tag.rpartition("}")
        if space.lstrip("{") != allow.SVG:
            if space.lstrip("{") == allow.XINCLUDE:
                raise GateError("the SVG includes another document (XInclude): remove it")
            return False  # an editor's private data
        if tag in allow.SILENT:
            return False
        if tag not in allow.ELEMENTS:
            remedy = allow.REFUSED.get(tag, "export it again as plain SVG")
            raise GateError(f"the SVG holds <{tag}>: {remedy}")
        return True

    def _attribute(self, copy: Element, name: str, value: str) -> None:
        if name in _HREFS:
            copy.set("href", self._href(copy.tag, value))
        elif name.lower().startswith("on"):
            raise GateError(f"the SVG runs a script ({name}): remove it")
        elif name in allow.ATTRIBUTES:
            copy.set(name, value if name in _UNCHECKED else allow.style_text(value))

    def _href(self, tag: str, value: str) -> str:
        embedded = _EMBEDDED.match(value)
        if tag != "image" or embedded is None:
            return f"#{allow.local_id(value)}"
        try:
            data = base64.b64decode("".join(embedded.group(1).split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise GateError("an embedded picture is not valid base64") from error
        return self._picture(data)

    def _picture(self, data: bytes) -> str:
        """Decode an embedded picture by our own gate and encode it again: the renderer sees only our bytes."""
        from PIL import Image

        width, height, pixels = pictures.decode_rgba(data)
        self._embedded += width * height
        if self._embedded > MAX_EMBEDDED_PIXELS:
            raise GateError(f"the SVG embeds more than {MAX_EMBEDDED_PIXELS // 10**6} megapixels of pictures")
        out = io.BytesIO()
        Image.frombytes("RGBA", (width, height), pixels).save(out, "PNG", compress_level=1)
        return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()

    @staticmethod
    def _blur(copy: Element) -> None:
        for name in ("stdDeviation", "radius"):
            allow.check_blur(copy.get(name, ""))

    @staticmethod
    def _turbulence(copy: Element) -> None:
        if any(value > allow.MAX_OCTAVES for value in allow.numbers(copy.get("numOctaves", ""))):
            raise GateError(f"a turbulence has more than {allow.MAX_OCTAVES} octaves")

    @staticmethod
    def _kernel(copy: Element) -> None:
        if any(abs(value) > allow.MAX_KERNEL for value in allow.numbers(copy.get("order", ""))):
            raise GateError(f"a convolution matrix is larger than {allow.MAX_KERNEL}×{allow.MAX_KERNEL}")
