"""Where traces are kept: typed bytes in a local store, and a journal that survives a killed run."""
