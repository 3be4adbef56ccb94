"""The seed of a conversation: from it comes all that is left to chance in it."""

from __future__ import annotations

import random

from bot.interview.installation import Installation

_CHANCE = random.SystemRandom()


def draw(installation: Installation, conversation_id: int) -> int:
    """Return the seed of a new conversation, from 1: drawn by chance, and kept in its state alone.

    Nothing else tells it: when the state is gone, nobody knows any more in which order somebody saw
    the choices. In a demo it follows from the id, so that the same demo plays the same again.
    """
    if installation.demo:
        drawn = installation.keys.digest("seed", str(conversation_id))[:4]
        return int.from_bytes(drawn, "big") or 1
    return _CHANCE.randrange(1, 2**32)
