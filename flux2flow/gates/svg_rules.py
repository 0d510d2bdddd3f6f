"""What an SVG may hold: the elements, attributes and style rules that the vector gate lets through.

Data and predicates only; the walk over a document stands in `vectors`.
"""

from __future__ import annotations

import re

from flux2flow.errors import GateError

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
XINCLUDE = "http://www.w3.org/2001/XInclude"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTS = _words("""
    path rect circle ellipse line polyline polygon
    svg g defs symbol use clipPath mask pattern marker linearGradient radialGradient stop image style switch
    filter feBlend feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap
    feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology
    feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence
""")
SILENT = _words("title desc metadata")
"""Left out without a word: they paint nothing."""

REFUSED = {
    "text": "convert its text to outlines; fonts are not looked up",
    "script": "remove it",
    "foreignObject": "export it again as plain SVG",
    "feImage": "embed the picture with <image> instead",
    "a": "remove the link, keep its content",
    "font": "convert its text to outlines",
}

ATTRIBUTES = _words("""
    alignment-baseline baseline-shift clip clip-path clip-rule color color-interpolation color-interpolation-filters
    color-rendering direction display enable-background fill fill-opacity fill-rule filter flood-color flood-opacity
    image-rendering isolation lighting-color marker marker-end marker-mid marker-start mask mask-type mix-blend-mode
    opacity overflow paint-order pointer-events shape-rendering stop-color stop-opacity stroke stroke-dasharray
    stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width transform
    transform-origin vector-effect visibility

    id class style x y width height cx cy r rx ry x1 y1 x2 y2 dx dy d points pathLength viewBox preserveAspectRatio
    version offset gradientUnits gradientTransform spreadMethod fx fy fr clipPathUnits maskUnits maskContentUnits
    patternUnits patternContentUnits patternTransform markerUnits markerWidth markerHeight refX refY orient
    systemLanguage requiredFeatures requiredExtensions type media

    filterUnits primitiveUnits filterRes in in2 result mode values operator k1 k2 k3 k4 order kernelMatrix divisor
    bias targetX targetY edgeMode preserveAlpha kernelUnitLength surfaceScale diffuseConstant specularConstant
    specularExponent limitingConeAngle azimuth elevation z pointsAtX pointsAtY pointsAtZ scale xChannelSelector
    yChannelSelector stdDeviation radius baseFrequency numOctaves seed stitchTiles tableValues slope intercept
    amplitude exponent
""")

MAX_BLUR = 250.0  # stdDeviation and radius, in user units
MAX_OCTAVES = 8
MAX_KERNEL = 15  # sides of a convolution matrix
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_URL = re.compile(r"url\s*\(\s*(['\"]?)(.*?)\1\s*\)", re.IGNORECASE | re.DOTALL)
_LOCAL = re.compile(r"#([^\s'\"()<>]+)\Z")
_LOADING = re.compile(r"(image-set|image|src|attr|expression|element|cross-fade)\s*\(", re.IGNORECASE)
_BLUR = re.compile(r"(?:blur|drop-shadow)\s*\(([^)]*)\)", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_QUOTED_BRACE = re.compile(r"""(["'])[^"']*[{}][^"']*\1""")
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")


def local_id(reference: str) -> str:
    """Return the id in a reference of the form `#id`; anything else is refused."""
    match = _LOCAL.match(reference.strip())
    if match is None:
        raise GateError(f"it refers to {reference.strip()[:60]!r}; only '#id' inside the file is allowed")
    return match.group(1)


def style_text(text: str) -> str:
    """CSS, or one attribute's value, that loads nothing: comments removed, everything doubtful refused."""
    text = _COMMENT.sub(" ", text)
    if "\\" in text:
        raise GateError("its styles hold an escape (a backslash)")
    if "/*" in text or "@" in text:
        raise GateError("its styles hold an @-rule or an open comment; export with plain styles")
    if _LOADING.search(text):
        raise GateError("its styles load something; only url(#id) is allowed")
    for blur in _BLUR.findall(text):
        check_blur(blur)
    urls(text)
    return text


def style_sheet(text: str) -> str:
    """Return a style sheet that loads nothing and whose rules can be told apart without a CSS parser."""
    text = style_text(text)
    if text.count("{") != text.count("}") or _QUOTED_BRACE.search(text):
        raise GateError("its styles have unbalanced braces, or braces inside quotes")
    return text


def urls(text: str) -> tuple[str, ...]:
    """Return the ids of every `url(#id)`; a url of another kind, or one that does not close, is refused."""
    found = _URL.findall(text)
    if len(found) != len(re.findall(r"url\s*\(", text, re.IGNORECASE)):
        raise GateError("its styles hold a url( that does not close")
    return tuple(local_id(reference) for _, reference in found)


def rules(css: str) -> list[tuple[str, str]]:
    """Selectors and declarations of a style sheet without @-rules."""
    return [(selectors.strip(), body) for selectors, body in _RULE.findall(css)]


def may_match(selectors: str, tag: str, classes: frozenset[str], identity: str) -> bool:
    """Whether a rule could apply to an element: its last compound decides, what is not understood counts as yes."""
    for selector in selectors.split(","):
        parts = re.split(r"[\s>+~]+", selector.strip())
        tokens = re.findall(r"[.#]?[\w-]+|\*", re.split(r"[:\[]", parts[-1])[0]) if parts[-1] else []
        if all(_token_matches(token, tag, classes, identity) for token in tokens):
            return True
    return False


def _token_matches(token: str, tag: str, classes: frozenset[str], identity: str) -> bool:
    if token.startswith("."):
        return token[1:] in classes
    if token.startswith("#"):
        return token[1:] == identity
    return token in ("*", tag)


def check_blur(text: str) -> None:
    """Refuse a blur, shadow or morphology radius beyond what a logo needs and a renderer survives."""
    if any(abs(value) > MAX_BLUR for value in numbers(text)):
        raise GateError(f"a filter radius is above {MAX_BLUR:g}")


def numbers(text: str) -> list[float]:
    """Every number in an attribute's value."""
    return [float(number) for number in _NUMBER.findall(text)]
