"""The provider's own list of messages: what we were never told of, and what must not stay in it."""
