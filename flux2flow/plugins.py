"""Built-ins and installed entry points → Registry, all through the same two `register_…` methods.

Installed means trusted, as with pytest; a project's files never bring code. Knows nothing about campaigns.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from flux2flow.errors import PluginError
from flux2flow.interfaces import BackendEntry, Check

BACKENDS, CHECKS = "flux2flow.image_backends", "flux2flow.checks"
BUILT_IN = "flux2flow"


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed distribution that registered something; its version enters the fingerprints."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything pluggable that a run may use."""

    backends: Mapping[str, BackendEntry]
    checks: tuple[Check, ...]
    plugins: tuple[Plugin, ...] = ()

    def backend(self, name: str) -> BackendEntry:
        """Return the backend with this name; raise PluginError with the names there are."""
        try:
            return self.backends[name]
        except KeyError:
            from flux2flow.generation import flux2  # here, so that a plugin may import this module cheaply

            known, remedy = ", ".join(sorted(self.backends)), flux2.remedy(name)
            message = f"no image backend {name!r}; installed: {known}"
            raise PluginError(f"{message}. {remedy}" if remedy else message) from None


@dataclass
class Registration:
    """Collects what is registered; refuses a name twice, and an object that does not fit its seam."""

    _backends: dict[str, BackendEntry] = field(default_factory=dict)
    _checks: dict[str, Check] = field(default_factory=dict)
    _owners: dict[tuple[str, str], str] = field(default_factory=dict)
    _plugins: dict[str, Plugin] = field(default_factory=dict)

    def register_backend(self, entry: BackendEntry, owner: str = BUILT_IN) -> None:
        """Add an image backend."""
        if not isinstance(entry, BackendEntry):
            raise PluginError(f"{owner}: an image backend is a BackendEntry, not {type(entry).__name__}")
        self._claim("image backend", entry.name, owner)
        self._backends[entry.name] = entry

    def register_check(self, check: Check, owner: str = BUILT_IN) -> None:
        """Add a check."""
        self._fits(check, "check", ("id", "title", "rationale", "level", "needs_pixels", "run"), owner)
        self._claim("check", check.id, owner)
        self._checks[check.id] = check

    def registry(self) -> Registry:
        """Freeze what was collected; checks by id, so that the order of installation decides nothing."""
        return Registry(
            backends=MappingProxyType(dict(self._backends)),
            checks=tuple(self._checks[id] for id in sorted(self._checks)),
            plugins=tuple(self._plugins[name] for name in sorted(self._plugins)),
        )

    def add_plugin(self, plugin: Plugin) -> None:
        """Note a distribution that took part."""
        self._plugins[plugin.name] = plugin

    def _claim(self, kind: str, name: str, owner: str) -> None:
        if (other := self._owners.get((kind, name))) is not None:
            raise PluginError(f"the {kind} {name!r} is registered twice: by {other} and by {owner}")
        self._owners[kind, name] = owner

    @staticmethod
    def _fits(value: object, kind: str, wanted: Iterable[str], owner: str) -> None:
        if missing := [name for name in wanted if not hasattr(value, name)]:
            raise PluginError(f"{owner}: {type(value).__name__} is no {kind}; it lacks {', '.join(missing)}")


def registry(*, plugins: bool = True) -> Registry:
    """Return the built-ins and, with `plugins`, everything installed; raise PluginError."""
    registration = Registration()
    _register_built_in(registration)
    if plugins:
        _register_installed(registration)
    return registration.registry()


def _register_built_in(registration: Registration) -> None:
    from flux2flow import validation  # here, so that a plugin may import this module cheaply
    from flux2flow.generation import flux2, procedural

    registration.register_backend(procedural.entry())
    for entry in flux2.entries():
        registration.register_backend(entry)
    for check in validation.built_in():
        registration.register_check(check)


def _register_installed(registration: Registration) -> None:
    doors: dict[str, Callable[[Any, str], None]] = {
        BACKENDS: lambda value, owner: registration.register_backend(value(), owner),
        CHECKS: registration.register_check,
    }
    for group, register in doors.items():
        for point in sorted(importlib.metadata.entry_points(group=group), key=lambda point: (point.name, point.value)):
            plugin = Plugin(point.dist.name, point.dist.version) if point.dist else Plugin(point.name, "0")
            try:
                register(point.load(), plugin.name)
            except PluginError:
                raise
            except Exception as error:  # a plugin may fail in any way; the message must name it
                raise PluginError(
                    f"the plugin {plugin.name} {plugin.version} could not be loaded ({group}: {point.value}): "
                    f"{type(error).__name__}: {error}. Repair or uninstall it, or run with --no-plugins."
                ) from error
            registration.add_plugin(plugin)
