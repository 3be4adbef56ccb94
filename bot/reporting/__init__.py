"""Counts and data: what may be shown while a survey runs, to whom it is sent, and the export."""
