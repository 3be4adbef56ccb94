"""Conversion of surveys: XLSForms in and out, texts out to translators and back."""
