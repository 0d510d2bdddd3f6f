"""Gates: untrusted bytes (pictures, SVG, fonts) → values that are safe to work with, or a GateError.

They know file formats and limits; they know nothing of campaigns, kits or where the bytes came from.
"""
