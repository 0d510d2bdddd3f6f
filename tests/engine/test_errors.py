"""The tree drawn at the top of the error module is the tree."""

from __future__ import annotations

import inspect

from flux2engine import errors


def test_the_drawn_tree_is_the_tree() -> None:
    """Every class is drawn, every drawn name is a class, and all descend from EngineError."""
    classes = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}
    drawn = {word for word in (errors.__doc__ or "").split() if word.endswith("Error")}
    assert drawn == {name for name, value in classes.items() if issubclass(value, Exception)}
    assert all(issubclass(classes[name], errors.EngineError) for name in drawn)
