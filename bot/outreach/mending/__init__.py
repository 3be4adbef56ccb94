"""Rows of a roster that an office has to mend: shown to its coordinator, corrected, taken in."""
