"""The verbs of the `testcache` command, one a module."""
