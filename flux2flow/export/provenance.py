"""What is known of an asset's making → an XMP packet. Always states IPTC's digital source type; never a time.

Knows no file format; each exporter puts the packet where its format keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from flux2flow.errors import ExportError

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""A composite of authored type, logos and pictures with a plate painted by a trained model."""

_NAMESPACE = "https://flux2flow.dev/ns/1.0/"
_DUBLIN_CORE = {"title": "Alt", "description": "Alt", "rights": "Alt", "creator": "Seq"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # not allowed in XML 1.0
_MARK = "﻿"  # the byte order mark that heads an XMP packet


def xmp_packet(metadata: Mapping[str, str]) -> bytes:
    """Return the packet.

    `title`, `description`, `rights` and `creator` become Dublin Core; `digital_source_type` overrides the default;
    any other key becomes a property of the flux2flow namespace. Raises ExportError for a key that is no XML name.
    """
    values = dict(metadata)
    source = values.pop("digital_source_type", DIGITAL_SOURCE_TYPE)
    attributes = [f"Iptc4xmpExt:DigitalSourceType={_quoted(source)}", 'xmp:CreatorTool="flux2flow"']
    elements = []
    for key in sorted(values):
        if not _NAME.match(key):
            raise ExportError(f"{key!r} cannot name a metadata property: use letters, digits and _")
        if key in _DUBLIN_CORE:
            elements.append(_dublin_core(key, values[key]))
        else:
            attributes.append(f"flux2flow:{key}={_quoted(values[key])}")
    body = "".join(f"\n   {line}" for line in attributes)
    return f"""<?xpacket begin="{_MARK}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
   xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
   xmlns:flux2flow="{_NAMESPACE}"{body}>{"".join(elements)}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>""".encode()


def _dublin_core(key: str, value: str) -> str:
    array = _DUBLIN_CORE[key]
    language = ' xml:lang="x-default"' if array == "Alt" else ""
    item = f"<rdf:li{language}>{escape(_CONTROLS.sub(' ', value))}</rdf:li>"
    return f"\n   <dc:{key}><rdf:{array}>{item}</rdf:{array}></dc:{key}>"


def _quoted(value: str) -> str:
    return quoteattr(_CONTROLS.sub(" ", value))
