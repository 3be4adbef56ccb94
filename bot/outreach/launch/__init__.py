"""Launches: who is invited when, by which wave, at what price."""
