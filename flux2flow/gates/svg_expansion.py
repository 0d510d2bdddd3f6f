"""A sanitised SVG tree → how much a renderer would visit, following every use, pattern, mask, clip, filter and marker.

Refuses references that go round, and drawings that expand beyond a budget (the use-bomb). Draws nothing.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from flux2flow.errors import GateError
from flux2flow.gates import svg_rules as allow

MAX_VISITED = 200_000
MAX_NESTING = 200
"""Depth after references are followed; renderers recurse over it."""


def check_expansion(root: Element) -> None:
    """Raise GateError where the drawing refers to itself or expands beyond the budget."""
    visited = _Expansion(root).size(root, 0)
    if visited > MAX_VISITED:
        limit = f"{MAX_VISITED:,} pass"
        raise GateError(f"the SVG expands to {visited:,} elements when its references are followed; {limit}")


class _Expansion:
    """Memoised sizes of subtrees, with everything they refer to."""

    def __init__(self, root: Element) -> None:
        self._by_id: dict[str, Element] = {}
        self._rules: list[tuple[str, tuple[str, ...]]] = []
        for element in root.iter():
            if identity := element.get("id"):
                self._by_id.setdefault(identity, element)
            if element.tag == "style":
                found = [(selectors, allow.urls(body)) for selectors, body in allow.rules(element.text or "")]
                self._rules += [(selectors, ids) for selectors, ids in found if ids]
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def size(self, element: Element, nesting: int) -> int:
        """Elements visited when this one is painted."""
        key = id(element)
        if key in self._sizes:
            return self._sizes[key]
        if key in self._open:
            raise GateError(f"the SVG's <{element.tag}> refers to itself")
        if nesting > MAX_NESTING:
            raise GateError(f"the SVG's references nest deeper than {MAX_NESTING} elements")
        self._open.add(key)
        total = 1
        for child in element:
            total += self.size(child, nesting + 1)
        for reference, times in self._references(element):
            target = self._by_id.get(reference)
            if target is not None:
                total += times * self.size(target, nesting + 1)
        self._open.remove(key)
        self._sizes[key] = total
        return total

    def _references(self, element: Element) -> list[tuple[str, int]]:
        """Ids this element paints with, and how often."""
        found: list[tuple[str, int]] = []
        href = element.get("href", "")
        if href.startswith("#"):
            found.append((href[1:], 1))
        vertices = 0
        for name, value in element.attrib.items():
            if "url" not in value.lower() or name == "href":
                continue
            if "marker" in name or "marker" in value:
                vertices = vertices or max(len(allow.numbers(element.get("d", "") + element.get("points", ""))) // 2, 1)
            found += [(reference, max(vertices, 1)) for reference in allow.urls(value)]
        if self._rules:
            classes = frozenset(element.get("class", "").split())
            for selectors, ids in self._rules:
                if allow.may_match(selectors, element.tag, classes, element.get("id", "")):
                    found += [(reference, 1) for reference in ids]
        return found
