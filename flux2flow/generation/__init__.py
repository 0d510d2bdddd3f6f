"""PlateRequest → Plate: image backends, one per file. Knows no campaign, no type and no canvas of an asset."""
