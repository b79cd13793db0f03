"""One cache for a whole team: results one by one, in a folder or on a server that somebody already runs."""
