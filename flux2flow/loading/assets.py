"""Reads the files a document names (pictures, fonts) through their gates into domain values with digests."""

from __future__ import annotations

from flux2flow.domain.campaign import FontFile
from flux2flow.domain.files import PictureFile
from flux2flow.errors import GateError
from flux2flow.gates import fonts as font_gate
from flux2flow.gates import pictures as picture_gate
from flux2flow.gates import vectors as vector_gate
from flux2flow.loading.workspace import Place
from flux2flow.project import FileRefusedError, Project, reference


def picture(project: Project, place: Place) -> PictureFile:
    """Read a picture or SVG; raise FileRefusedError where it is absent, unsafe or refused by its gate."""
    data = project.open(place.root, place.path)
    file = reference(place.root, place.path, data)
    try:
        if place.path.lower().endswith(".svg"):
            vector = vector_gate.inspect(data, place.path)
            return PictureFile(file, vector.width, vector.height, "svg", True)
        facts = picture_gate.inspect(data, place.path)
    except GateError as error:
        raise FileRefusedError("bad-picture", str(error), "export it again as PNG, JPEG, WebP or plain SVG") from error
    return PictureFile(file, facts.width, facts.height, facts.media, facts.alpha)


def font(project: Project, place: Place, family: str, weight: int | None, licence: str) -> FontFile:
    """Read a font; raise FileRefusedError where it is absent, unsafe or refused by its gate."""
    data = project.open(place.root, place.path)
    try:
        facts = font_gate.inspect(data, place.path)
    except GateError as error:
        raise FileRefusedError("bad-font", str(error), "use the family's original TTF, OTF or WOFF2 file") from error
    static = None if facts.axes else weight or facts.weight
    return FontFile(family, reference(place.root, place.path, data), facts.axes, static, licence, facts.embedding)
