"""testcache: a content-hash test result cache for pytest."""

__version__ = "0.1.0"
