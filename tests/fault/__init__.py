"""The long fault suites."""
