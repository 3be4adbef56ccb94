"""Rosters: lists that offices send, cleaned, compared, taken in, and who stands on them twice."""
