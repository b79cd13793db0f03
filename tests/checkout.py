"""Real git repositories with a project in them, each checkout with its own home, as on many machines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import HERE

TIMEOUT_S = 120


def tool(name: str) -> str:
    """The path of a development tool: beside this Python, or on the path; skips the test without it."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


@dataclass(slots=True)
class Checkout:
    """A folder with a project, a home of its own, and a clean environment.

    Attributes:
        user: the user id that its programs run under, or None for our own.
        bin: a folder with the commands `python` and `testcache`, first on the path.
    """

    path: Path
    home: Path
    python: str = sys.executable
    user: int | None = None
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.bin.mkdir(exist_ok=True)
        for name, arguments in (("python", ""), ("testcache", " -m testcache")):
            script = self.bin / name
            script.write_text(f'#!/bin/sh\nexec "{self.python}"{arguments} "$@"\n')
            script.chmod(0o755)

    @property
    def bin(self) -> Path:
        return self.home / "bin"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        clean = {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(HERE.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "testcache.plugin",
            "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig"),
        }
        return clean | self.env | dict(more or {})

    def do(self, *command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command here; its exit code is for the caller."""
        return subprocess.run(
            command,
            cwd=self.path,
            env=self.environment(env),
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user is not None else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )

    def git(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        name = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        done = self.do("git", *name, *arguments)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def testcache(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run a command that must succeed, and return what it printed."""
        done = self.do(self.python, "-m", "testcache", *arguments, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pytest(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run `pytest --cached` and return its last line of ours."""
        done = self.do(self.python, "-m", "pytest", "--cached", "-q", *arguments, env=env)
        lines = [line for line in done.stdout.splitlines() if line.startswith("testcache: ")]
        assert lines, done.stdout + done.stderr
        return lines[-1]


def commit(checkout: Checkout, files: Mapping[str, str], message: str = "a change") -> None:
    """Write files and commit them; the first time the repository is made."""
    for name, text in files.items():
        file = checkout.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    if not (checkout.path / ".git").exists():
        checkout.git("init", "--quiet", "--initial-branch=main")
    checkout.git("add", "--all")
    checkout.git("commit", "--quiet", "--no-verify", "-m", message)
