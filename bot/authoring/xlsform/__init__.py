"""XLSForms, as Kobo and ODK read them: into flows and out of them."""
