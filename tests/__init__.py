"""Tests of Tautan: one file per module, one per route, races, faults, the import rules."""
