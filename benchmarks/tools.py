"""The tools that are compared: how each is installed, switched on, and what it leaves behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Tool:
    """One way to run a suite.

    Attributes:
        name: as the tables show it.
        needs: what pip installs, beside what the suite needs.
        arguments: what the user types after `pytest`.
        leaves: what it keeps in the project, as globs.
        git: whether it takes what changed from git, and wants a commit after each run.
        since: the first Python it runs on.
    """

    name: str
    needs: tuple[str, ...]
    arguments: tuple[str, ...]
    leaves: tuple[str, ...] = ()
    git: bool = False
    since: tuple[int, int] = (3, 11)

    def forget(self, tree: Path) -> None:
        """Remove what it has recorded."""
        for pattern in self.leaves:
            for path in tree.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def python(self, folder: Path, needs: tuple[str, ...]) -> Path:
        """The interpreter of a virtual environment that holds the tool and these packages, made if need be."""
        venv = folder / f"venv-{self.name}"
        python = venv / "bin" / "python"
        if not (venv / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
            pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "pytest>=9", *self.needs, *needs], check=True)
            (venv / "ready").touch()
        return python


BARE = Tool("pytest", (), ())
TESTCACHE = Tool("testcache", (str(HERE.parent),), ("--cached",), (".testcache",))
PEERS = (
    Tool("testmon", ("pytest-testmon==2.2.0",), ("--testmon",), (".testmondata*",)),
    Tool("blast-radius", ("pytest-blast-radius==0.2.0",), ("--blast-radius",), (".git/blast-radius",), True, (3, 12)),
)


def chosen() -> tuple[Tool, ...]:
    """All that run on this Python, bare pytest first."""
    return tuple(tool for tool in (BARE, TESTCACHE, *PEERS) if sys.version_info >= tool.since)
