"""Reaching people once: units, rosters, links, posters, launch."""
