"""`flux2flow init`: a small project that works at once, to be changed from there."""

from __future__ import annotations

import re
import shlex
import unicodedata
from pathlib import Path

import click

from flux2flow.cli.console import console, shown_path
from flux2flow.cli.text import visible

EXAMPLE = "examples/aurora"
COPIED = ("products.csv", "copy/en.yaml", "copy/de.yaml")

CAMPAIGN = """\
# yaml-language-server: $schema=.flux2flow/schema/campaign.json
flux2flow: 1
campaign: {id}
title: {title}
brand_kit: aurora                 # shipped with flux2flow; your own goes into brand_kits/<name>/
model: nano                       # the small model that is always there
seed: 1
rows: products.csv                # one set of pictures per row
locales: [en, de]
copy: copy/                       # the words, one file a language

assets:
  - id: hero
    template: banner/product-hero
    formats: [iab/medium-rectangle, web/open-graph, meta/story]
    slots:
      product: "{{{{ row.photo }}}}"
      backdrop: "{{{{ row.backdrop }}}}"
      eyebrow: "{{{{ copy.eyebrow }}}}"
      headline: "{{{{ copy.products[row.id].headline }}}}"
      body: "{{{{ copy.products[row.id].body }}}}"
      cta: "{{{{ copy.cta }}}}"
"""

IGNORED = "# made again by flux2flow render\nbuild/\n.flux2flow/\n"


@click.command(short_help="Write a small project that works at once.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path) -> None:
    """Write a small working project into FOLDER: campaign, words, rows, pictures."""
    if folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty. Name a new folder; init never writes over anything.")
    files = _files(folder)
    from flux2flow.cli.verbs.schema import write_schemas
    from flux2flow.project import STATE
    from flux2flow.store import LocalDisk, publish

    for name, data in files.items():
        publish(LocalDisk(), folder.absolute() / name, data)
    write_schemas(folder.absolute() / STATE)
    console.line(f"A campaign is in {visible(shown_path(folder.absolute()))}:")
    for name in files:
        console.line(f"  {name}")
    campaign = visible(shlex.quote(shown_path(folder.absolute() / "campaign.yaml")))
    console.line()
    console.line("Next:")
    console.line(f"  flux2flow plan {campaign}", bold=True)
    console.line(f"  flux2flow render {campaign}", bold=True)


def _files(folder: Path) -> dict[str, bytes]:
    """Gather everything before anything is written."""
    from flux2flow.errors import StoreError
    from flux2flow.project import library_root

    example = library_root() / EXAMPLE
    name = folder.absolute().name
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()  # ü is u, not a gap
    slug = re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-") or "campaign"
    files = {"campaign.yaml": CAMPAIGN.format(id=slug, title=slug.replace("-", " ").capitalize()).encode()}
    try:
        files |= {path: (example / path).read_bytes() for path in COPIED}
        photos = sorted((example / "photos").iterdir())
        files |= {f"photos/{photo.name}": photo.read_bytes() for photo in photos}
    except OSError as error:
        raise StoreError(f"the shipped example is not complete: {error}. Install flux2flow again.") from error
    return files | {".gitignore": IGNORED.encode()}
