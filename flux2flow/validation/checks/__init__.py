"""The built-in checks, one a file; a file's name is its check's id with underscores."""
