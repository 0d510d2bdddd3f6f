"""Report → manifest.json and index.html, and the lines a terminal or a pipe shows. Makes no picture, decides nothing.

Released pictures are linked relative to the page, so that the folder can be moved, zipped and opened offline. A picture
that was kept back is only embedded, small and marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flux2flow.domain.report import Report
from flux2flow.store.disk import LocalDisk, publish

MANIFEST, PAGE = "manifest.json", "index.html"


def write(report: Report, folder: Path, kept_back: Mapping[str, bytes] | None = None) -> None:
    """Write the manifest and the page; `kept_back` holds encoded files that were not released, by asset id.

    Raises StoreError where the folder cannot be written.
    """
    from flux2flow.reporting.manifest import manifest_text  # the page's libraries cost start-up time: loaded on use
    from flux2flow.reporting.page import page_text

    disk = LocalDisk()
    publish(disk, folder / MANIFEST, manifest_text(report).encode())
    publish(disk, folder / PAGE, page_text(report, kept_back or {}).encode())


__all__ = ["MANIFEST", "PAGE", "write"]
