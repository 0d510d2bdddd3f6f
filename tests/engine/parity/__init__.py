"""The engine against diffusers, and every fact of FLUX.2 broken once."""
