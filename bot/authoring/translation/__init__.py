"""Translations of a survey: as workbooks or PO files out to translators and back."""
