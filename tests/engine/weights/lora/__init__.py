"""LoRAs: reading every way of naming and every algebra, and applying them."""
