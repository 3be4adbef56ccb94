"""Measurements, not tests: `make bench`. Numbers and what they mean are in docs/performance.md."""
