"""The verbs, one a file; a file's name is its verb."""
