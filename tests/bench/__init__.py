"""What a user waits for, timed."""
