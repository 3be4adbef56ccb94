"""One person's way through a survey: who it is, what they say, what we send, how it is erased."""
