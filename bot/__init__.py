"""Tautan: surveys over WhatsApp links. `docs/architecture.md` says which room holds what."""
