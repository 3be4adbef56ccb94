"""What a played demo leaves in a folder: coordinators' messages, their pictures, and counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.channels.base import as_text
from bot.interview.chats import Chats
from bot.interview.files.media_links import File
from bot.outreach.demo.personas import COORDINATOR, Persona, everybody
from bot.outreach.demo.playing import Summary

PICTURES = 3
"""So many of each coordinator's pictures are drawn, the newest ones."""


def leave(
    summary: Summary, chats: Chats, file: Callable[[str], File | None], folder: Path
) -> list[Path]:
    """Write `digests.txt`, `counts.json` and `pictures/*.png` into a folder and return the files.

    `file` makes what goes with a message. Raises OSError.
    """
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    digests, counts = folder / "digests.txt", folder / "counts.json"
    coordinators = [one for one in everybody() if one.group == COORDINATOR]
    chapters = [_chat(one, chats) for one in coordinators]
    digests.write_text("\n\n".join(chapters) + "\n", encoding="utf-8")
    counts.write_text(json.dumps(summary.to_dict(), indent=2) + "\n", encoding="utf-8")
    drawn = [path for one in coordinators for path in _draw(one, chats, file, pictures)]
    return [digests, counts, *drawn]


def _chat(persona: Persona, chats: Chats) -> str:
    """Return a coordinator's whole chat as text."""
    zone = ZoneInfo(persona.zone)
    lines = [f"===== {persona.name}: {persona.line} ====="]
    for entry in chats.after(persona.addresses, 0):
        bubble, at = entry.bubble, entry.at.astimezone(zone)
        who = persona.name if bubble.author == "person" else "Tautan"
        attached = bubble.message.attachment
        lines.append(f"--- {at:%Y-%m-%d %H.%M} {who}{f' [{attached.name}]' if attached else ''}")
        lines.append(as_text(bubble.message))
    return "\n".join(lines)


def _draw(
    persona: Persona, chats: Chats, file: Callable[[str], File | None], folder: Path
) -> list[Path]:
    """Draw the newest pictures that somebody got."""
    shown = [
        (entry.at.astimezone(ZoneInfo(persona.zone)), entry.bubble.message.attachment)
        for entry in chats.after(persona.addresses, 0)
    ]
    wanted = [(at, one) for at, one in shown if one is not None and one.kind == "image"]
    paths = []
    for at, one in wanted[-PICTURES:]:
        made = file(one.what)
        if made is not None:
            paths.append(folder / f"{persona.key}-{at:%Y-%m-%d-%H%M}.png")
            paths[-1].write_bytes(made.content)
    return paths
