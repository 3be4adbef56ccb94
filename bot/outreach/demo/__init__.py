"""A demo: an invented installation to look at and to talk to.

`prepare` makes it through the same importers that real files go through, `play` lets its invented
people answer for ninety days, and `advance` moves its time. Nobody in it is real.
"""

from bot.outreach.demo.clock import advance
from bot.outreach.demo.filling import fill, posters, prepare, starts
from bot.outreach.demo.personas import everybody
from bot.outreach.demo.playing import Summary, play

__all__ = ["Summary", "advance", "everybody", "fill", "play", "posters", "prepare", "starts"]
