"""Tables, keys and statements. Knows nothing of surveys' rules and imports nothing of `bot`."""
