"""The yardstick itself: each metric passes a perfect painter and fails a wrong one."""
