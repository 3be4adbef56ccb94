"""Every statement under a name, one file per room. Callers pass a connection in a transaction."""
