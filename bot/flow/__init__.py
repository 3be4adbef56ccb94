"""What a flow file means and how a conversation moves.

Pure: nothing here does I/O, reads a clock, draws a random number or knows a database, and nothing
of ours outside this folder is imported. `tests/test_architecture.py` enforces it.
"""
