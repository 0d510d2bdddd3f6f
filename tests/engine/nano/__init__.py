"""The shipped checkpoint: what it must do, and that untrained weights do not."""
