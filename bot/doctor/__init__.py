"""Is this installation ready for a real conversation? `examination.examine` looks at all of it."""
