"""The engine, tested without flux2flow."""
