"""Leaves what is marked `long` out of `make test`; `pytest -m long` runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def _folders_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the models and caches of whoever runs the tests out of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLUX2FLOW_MODELS", str(tmp_path_factory.mktemp("nobody") / "models"))
        patch.setenv("FLUX2FLOW_CACHE", str(tmp_path_factory.mktemp("nobody") / "cache"))
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the long tests where no marker expression asks for anything."""
    if config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
