"""Entry point of `python -m testcache`."""

from testcache.cli import main

raise SystemExit(main())
