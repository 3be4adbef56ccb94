"""A survey tried out before anybody is asked: transcripts, all ways through it, their price."""
