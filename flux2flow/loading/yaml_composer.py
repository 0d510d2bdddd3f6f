"""YAML text → Document, by YAML 1.2's core rules and our own limits; collects every problem it can get past.

PyYAML's pure events are all that is taken from PyYAML: composing, typing and limits are here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from flux2flow.errors import Diagnostic, Position
from flux2flow.loading import unquoted_hex, yaml_scalars, yaml_strictness, yaml_syntax
from flux2flow.loading.source_text import SourceText, control_name, decode
from flux2flow.loading.yaml_document import Document, KeyPath, Node, written

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_ALIASED_CHARACTERS = 256 * 1024
MAX_NODES = 20_000
MAX_PROBLEMS = 50

_CORE = yaml_scalars.CORE
_NODE_PROPERTIES = re.compile(r"(?:[&!][^\s]*\s+(?:#[^\n]*\n\s*)?)*")

Key = tuple[int, int] | None
"""Where a value's key begins and ends."""


def read(file: str, data: bytes) -> Document:
    """Read one YAML document; never raises, `problems` says what is wrong."""
    if len(data) > MAX_BYTES:
        problem = Diagnostic(
            "too-large",
            f"the file has {len(data) / 1024:.0f} KiB; YAML may have at most {MAX_BYTES // 1024}",
            Position(file),
            remedy="move the data into a CSV file and name it under rows",
        )
        return Document(SourceText.of(file, ""), None, {}, (problem,))
    source, problems = decode(file, data)
    if problems:
        return Document(source, None, {}, problems)
    return _Composer(source).compose()


class _StopError(Exception):
    """Reading cannot go on; the problem is noted."""


def _start(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark is not None else 0


def _end(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark is not None else 0


class _Composer:
    """One pass over the events of one text."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []
        self.nodes: dict[KeyPath, Node] = {}
        self.unusable: set[KeyPath] = set()
        self.anchors: dict[str, tuple[object, bool]] = {}
        self.count = self.aliases = self.aliased = 0
        self.told: set[str] = set()
        self.spans: list[yaml_strictness.Span] = []
        self.empties: list[tuple[int, KeyPath]] = []
        self.indents = [-1]
        self.open_flows = 0

    def compose(self) -> Document:
        data: object = None
        broken: Diagnostic | None = None
        text = self.source.text
        try:
            # PyYAML cuts a block scalar's last line short where the file does not end with a line break
            data = self._stream(iter(yaml.parse(text if text.endswith("\n") else text + "\n", Loader=yaml.SafeLoader)))
        except _StopError:
            data = None
        except yaml.YAMLError as error:
            data, broken = None, yaml_syntax.diagnose(error, self.source)
        self._beyond_events(broken)
        ordered = sorted(dict.fromkeys(self.problems), key=lambda problem: (problem.position, problem.code))
        return Document(self.source, data, self.nodes, tuple(ordered[:MAX_PROBLEMS]), frozenset(self.unusable))

    def _beyond_events(self, broken: Diagnostic | None) -> None:
        """Add what only the text shows: swallowed colours, and what PyYAML is too lenient about.

        A comment that swallowed the rest of a list makes the parser complain further on: then only the cause is told.
        """
        scalars = [(span.start, span.end) for span in self.spans if span.style != "["]
        flows = [(span.start, span.end) for span in self.spans if span.style == "["]
        empties = [place for place, _ in self.empties]
        swallowed = unquoted_hex.find(self.source.text, scalars, flows, empties, parsed=broken is None)
        for finding in swallowed:
            self._hex(finding)
        if broken is not None and not swallowed:
            self.problems.append(broken)
        places = {finding.index for finding in swallowed}
        for violation in yaml_strictness.violations(self.source.text, self.spans):
            if violation.index not in places:
                self._violation(violation)

    def _problem(
        self,
        code: str,
        message: str,
        start: int,
        path: KeyPath,
        *,
        end: int = 0,
        remedy: str = "",
        expected: str = "",
        unusable: bool = False,
    ) -> None:
        if unusable:
            self.unusable.add(path)
        place, length = written(path), max(end - start, 1)
        found = self.source.diagnostic(
            code, message, start, length=length, remedy=remedy, expected=expected, path=place
        )
        self.problems.append(found)
        if len(self.problems) >= MAX_PROBLEMS:
            raise _StopError

    def _violation(self, found: yaml_strictness.Violation) -> None:
        self.problems.append(
            self.source.diagnostic(found.code, found.message, found.index, length=found.length, remedy=found.remedy)
        )

    def _hex(self, finding: unquoted_hex.Finding) -> None:
        paths = [path for place, path in self.empties if place == finding.empty]
        flows = [path for path, node in self.nodes.items() if node.start == finding.flow]
        self.unusable.update(paths, flows)
        path = (paths or flows or [()])[0]
        message = f"{finding.text} is a comment here: '#' begins one unless it is quoted"
        self.problems.append(
            self.source.diagnostic(
                "unquoted-hex",
                message,
                finding.index,
                length=len(finding.text),
                path=written(path),
                remedy=f'quote it: "{finding.text}"',
            )
        )

    def _stream(self, events: Iterator[yaml.Event]) -> object:
        data: object = None
        documents = 0
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            documents += 1
            if documents > 1:
                message = "the file holds more than one document"
                self._problem("several-documents", message, _start(event), (), remedy="remove '---'")
                raise _StopError
            data = self._node(next(events), events, (), None)
        return data

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: KeyPath, key: Key) -> object:
        if len(path) > MAX_DEPTH:
            self._problem("too-deep", f"more than {MAX_DEPTH} levels of nesting", _start(event), ())
            raise _StopError
        self.count += 1
        if self.count > MAX_NODES:
            message = f"more than {MAX_NODES:,} values"
            self._problem("too-large", message, _start(event), (), remedy="move the data into a CSV file")
            raise _StopError
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, key)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path, key)
        if not isinstance(event, yaml.CollectionStartEvent):
            raise _StopError
        return self._collection(event, events, path, key)

    def _collection(
        self, event: yaml.CollectionStartEvent, events: Iterator[yaml.Event], path: KeyPath, key: Key
    ) -> object:
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.anchor is not None:
            self._anchor(event, None, scalar=False)
        if event.tag not in (None, "!", _CORE + ("map" if mapping else "seq")):
            self._tag(event, path)
        enclosing, inner, flow = self.indents[-1], bool(self.open_flows), bool(event.flow_style)
        column = event.start_mark.column if event.start_mark is not None else 0
        self.indents.append(enclosing if flow else column)
        self.open_flows += flow
        value, end = self._mapping(events, path) if mapping else self._sequence(events, path)
        self.open_flows -= flow
        self.indents.pop()
        if flow:
            self.spans.append(yaml_strictness.Span(_start(event), end, "[", enclosing, inner))
        self._place(path, _start(event), end, key)
        return value

    def _sequence(self, events: Iterator[yaml.Event], path: KeyPath) -> tuple[object, int]:
        items: list[object] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                return items, _end(event)
            items.append(self._node(event, events, (*path, len(items)), None))
        raise _StopError

    def _mapping(self, events: Iterator[yaml.Event], path: KeyPath) -> tuple[object, int]:
        entries: dict[str, object] = {}
        places: dict[str, int] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                return entries, _end(event)
            name = self._key(event, path)
            start, end = _start(event), _end(event)
            if name in places:
                first = self.source.position(places[name])
                message = f"{name!r} is here twice: first on line {first.line}, column {first.column}"
                self._problem("duplicate-key", message, start, (*path, name), end=end, remedy="remove one of the two")
                self._node(next(events), events, (*path, name, "(again)"), (start, end))
                continue
            places[name] = start
            entries[name] = self._node(next(events), events, (*path, name), (start, end))
        raise _StopError

    def _key(self, event: yaml.Event, path: KeyPath) -> str:
        if isinstance(event, yaml.AliasEvent):
            return str(self._alias(event, path, None))
        start = _start(event)
        if not isinstance(event, yaml.ScalarEvent):
            place = next((at for at in (start, start - 1) if at >= 0 and self.source.text.startswith("{{", at)), None)
            if place is not None:
                message, remedy = "an expression must stand in quotes", 'quote the whole text: "… {{ … }}"'
                self._problem("unquoted-expression", message, place, path, end=place + 2, remedy=remedy)
            else:
                self._problem(
                    "complex-key", "a list or mapping cannot be a key", start, path, expected="a word, then ':'"
                )
            raise _StopError
        self._span(event, self._content(event))
        if event.tag not in (None, "!", _CORE + "str"):
            self._tag(event, path)
        if event.value == "<<" and not event.style:
            message = "merge keys ('<<') are not supported"
            self._problem("merge-key", message, start, path, end=start + 2, remedy="write the keys out")
        if event.anchor is not None:
            self._anchor(event, event.value, scalar=True)
        return str(event.value)

    def _scalar(self, event: yaml.ScalarEvent, path: KeyPath, key: Key) -> object:
        start, end = self._content(event), _end(event)
        if not event.style and not event.value:
            self.empties.append((start, path))
        self._span(event, start)
        value = self._typed(event, path)
        if event.style == '"' and (name := control_name(event.value)):
            message = f"the text holds {name}"
            self._problem("control-character", message, start, path, end=end, remedy="remove the escape", unusable=True)
        self._place(path, start, end, key, event.style or "", event.value)
        if event.anchor is not None:
            self._anchor(event, value, scalar=True)
        return value

    def _typed(self, event: yaml.ScalarEvent, path: KeyPath) -> object:
        tag = event.tag
        if tag in ("!", _CORE + "str") or (tag is None and event.style):
            return event.value
        if tag is not None and tag not in {_CORE + kind for kind in ("null", "bool", "int", "float")}:
            self._tag(event, path)
            return event.value
        try:
            value = yaml_scalars.resolve(event.value)
        except ValueError as error:
            message, remedy = f"{event.value[:24]} is no usable number: {error}", "quote it if it is text"
            self._problem("number", message, _start(event), path, end=_end(event), remedy=remedy, unusable=True)
            return None
        if tag is not None and not yaml_scalars.has_type(value, tag):
            message = f"{event.value[:24]!r} is not what its tag says: {tag.removeprefix(_CORE)}"
            self._problem("tag", message, _start(event), path, remedy="remove the tag", unusable=True)
        return value

    def _place(self, path: KeyPath, start: int, end: int, key: Key, style: str | None = None, text: str = "") -> None:
        first, last = key if key is not None else (None, None)
        self.nodes.setdefault(path, Node(start, end, first, last, style, text))

    def _span(self, event: yaml.ScalarEvent, start: int) -> None:
        if event.style or event.value:
            style, indent = event.style or "", self.indents[-1]
            self.spans.append(yaml_strictness.Span(start, _end(event), style, indent, bool(self.open_flows)))

    def _content(self, event: yaml.ScalarEvent) -> int:
        """Find where a scalar itself begins, behind its anchor and tag."""
        if event.anchor is None and event.tag is None:
            return _start(event)
        match = _NODE_PROPERTIES.match(self.source.text, _start(event))
        return min(match.end(), _end(event)) if match else _start(event)

    def _anchor(self, event: yaml.NodeEvent, value: object, *, scalar: bool) -> None:
        self.anchors[str(event.anchor)] = (value, scalar)
        place = self.source.text.find("&", _start(event))
        if (found := yaml_strictness.anchor_violation(self.source.text, place)) is not None:
            self._violation(found)

    def _alias(self, event: yaml.AliasEvent, path: KeyPath, key: Key) -> object:
        name, start, end = str(event.anchor), _start(event), _end(event)
        self._place(path, start, end, key)
        value, scalar = self.anchors.get(name, (None, False))
        if name not in self.anchors:
            message = f"there is no anchor '&{name}' before this"
            self._problem("alias", message, start, path, end=end)
        elif not scalar and name not in self.told:
            self.told.add(name)
            message = f"'*{name}' repeats a list or mapping; only single values may be repeated"
            self._problem("alias", message, start, path, end=end, remedy="write it out")
        if not scalar:
            self.unusable.add(path)
        self.aliases += 1
        self.aliased += len(value) if isinstance(value, str) else 1
        if self.aliases > MAX_ALIASES or self.aliased > MAX_ALIASED_CHARACTERS:
            message = f"more than {MAX_ALIASES} aliases, or too much text repeated by them"
            self._problem("alias", message, start, path, end=end)
            raise _StopError
        return value

    def _tag(self, event: yaml.NodeEvent, path: KeyPath) -> None:
        shown = str(getattr(event, "tag", "")).replace(_CORE, "!!")
        remedy = "remove it; quote the value if it is text"
        self._problem("tag", f"the tag {shown} is not allowed", _start(event), path, remedy=remedy, unusable=True)
