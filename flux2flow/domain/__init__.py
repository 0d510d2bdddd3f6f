"""The nouns: pure, frozen data that every phase speaks. No files, no network, no torch, no click."""
