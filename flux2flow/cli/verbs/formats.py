"""`flux2flow formats`: the placements that a campaign can name, with their sizes and limits."""

from __future__ import annotations

import click

from flux2flow.cli.console import console
from flux2flow.errors import EXIT_OK


@click.command(short_help="List the sizes a campaign can name.")
@click.argument("search", required=False, default="")
def command(search: str) -> int:
    """List the shipped formats: their sizes and limits. SEARCH shows those whose id or title holds it."""
    from flux2flow.domain.layout import aspect_class
    from flux2flow.loading.formats import shipped

    formats = sorted(shipped().values(), key=lambda format: format.id)
    found = [format for format in formats if search.lower() in f"{format.id} {format.title}".lower()]
    if not found:
        raise click.UsageError(f"No format holds {search!r}; without a word, all {len(formats)} are listed.")
    rows = [
        [
            format.id,
            str(format.size),
            aspect_class(format),
            f"{format.max_bytes / 1000:g} kB" if format.max_bytes else "",
            ", ".join(format.media),
            format.title,
        ]
        for format in found
    ]
    console.table(["format", "size", "class", "limit", "types", "title"], rows, right=frozenset({3}))
    return EXIT_OK
