"""`testcache hook`: `run` and `status` as git hooks, without what git tells its hooks and nobody else.

Git starts hooks with variables that point into the repository being committed. A test that runs git in
a folder of its own would work on that repository instead, and a test that reads one of them would miss.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from testcache.project import Project

_KEPT = ("GIT_SSH", "GIT_SSL", "GIT_ASKPASS", "GIT_TERMINAL_PROMPT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM",
         "GIT_CONFIG_NOSYSTEM")  # fmt: skip
"""How to reach servers, and which user's settings count: git does not set these for hooks."""


def strip_git() -> None:
    """Remove from this process's environment what git set for the hook."""
    for name in [name for name in os.environ if name.startswith("GIT_") and not name.startswith(_KEPT)]:
        del os.environ[name]


def run(arguments: list[str]) -> int:
    """`testcache run` with these arguments of pytest."""
    from testcache.commands import run as tests

    strip_git()
    return tests.run(arguments)


def check(project: Project) -> int:
    """`testcache status`: 1 if a test would have to run."""
    from testcache.commands import status

    strip_git()
    return status.run(project, everything=False)
