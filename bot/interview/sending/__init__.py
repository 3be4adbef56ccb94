"""Messages on their way out: what is to be said, when it goes, and what became of it."""
