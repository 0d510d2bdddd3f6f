"""Canvas → encoded file within a platform's budget, tagged sRGB and with its provenance; and where the file stands.

Decides media type and quality; checks nothing about what is in the picture. Pillow is imported with the first call.
"""

from __future__ import annotations

from flux2flow.export.auto import encode
from flux2flow.export.naming import asset_path

__all__ = ["asset_path", "encode"]
