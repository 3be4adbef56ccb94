"""Tautan: surveys over WhatsApp links. `docs/architecture.md` says which room holds what."""

import gc

# What is imported stays: looking for garbage among it at every 700 objects slows every start.
gc.set_threshold(20_000, 10, 10)
