"""Printing: typst documents with our own fonts."""
