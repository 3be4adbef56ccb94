"""Coordinators: who they are, what they are told every day, and what they may ask."""
