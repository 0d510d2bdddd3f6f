"""A read YAML file: plain data in which every key and value keeps its place. Refuses to know what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flux2flow.domain.campaign import SourceMap
from flux2flow.errors import Diagnostic
from flux2flow.loading import string_places
from flux2flow.loading.source_text import SourceText

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """Where a value stands: characters `start` to `end`, and its key's; `style` is a scalar's (`''`: plain)."""

    start: int
    end: int
    key_start: int | None = None
    key_end: int | None = None
    style: str | None = None
    text: str = ""


@dataclass(frozen=True)
class Document:
    """One read file: plain data, the place of everything in it, what was wrong, the paths without a usable value."""

    source: SourceText
    data: object
    nodes: Mapping[KeyPath, Node] = field(repr=False)
    problems: tuple[Diagnostic, ...] = ()
    unusable: frozenset[KeyPath] = frozenset()

    @property
    def file(self) -> str:
        """Name the file as its user does."""
        return self.source.file

    def node(self, path: KeyPath) -> Node:
        """Find the node of a path, or of its nearest ancestor."""
        while path and path not in self.nodes:
            path = path[:-1]
        return self.nodes.get(path, Node(0, 0))

    def value_span(self, path: KeyPath) -> tuple[int, int]:
        """Give the first character of a value and how many of them its first line holds."""
        node = self.node(path)
        first_line = self.source.text[node.start : node.end].split("\n", 1)[0].rstrip()
        return node.start, max(len(first_line), 1)

    def key_span(self, path: KeyPath) -> tuple[int, int]:
        """Give the first character of a value's key and the key's length; the value's where it has no key."""
        node = self.node(path)
        if path not in self.nodes or node.key_start is None or node.key_end is None:
            return self.value_span(path)
        return node.key_start, max(node.key_end - node.key_start, 1)

    def inside(self, path: KeyPath, offset: int) -> int:
        """Give the character of the file that a character of a string's value was read from."""
        node = self.nodes.get(path)
        if node is None or node.style is None:
            return self.node(path).start
        return string_places.index_in_source(self.source.text, node.start, node.end, node.style, node.text, offset)

    def source_map(self) -> SourceMap:
        """Give the places of all values as the domain carries them."""
        positions = {path: self.source.position(node.start) for path, node in self.nodes.items()}
        return SourceMap(self.source.file, positions, self.source.lines)


def written(path: KeyPath) -> str:
    """Write a key path as a person does: `assets[0].formats[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
