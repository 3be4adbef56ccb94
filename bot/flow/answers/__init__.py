"""Answers as people type them: words, numbers, days, times and places, read one way everywhere."""
