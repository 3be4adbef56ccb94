"""Printing: typst documents with our own fonts, QR codes, and posters made of both."""
