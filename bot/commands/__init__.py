"""The commands of `tautan`, one file per kind of work. They parse, call one use case and print."""
