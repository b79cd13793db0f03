"""What another machine must have in common with this one before it may run our tests.

This file is also sent to that machine as it stands and run by the Python there, whatever it is: it may
use the standard library only, and nothing newer than Python 3.8.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys

NEEDED = ("pytest", "pytest-xdist", "execnet", "testcache")
"""Distributions that must be of the same version, because they talk to each other."""

CODE = (".py", ".toml", ".ini", ".cfg")
_LARGEST_BYTES = 64 << 20


def describe(folder: str, names: list[str], search: list[str]) -> dict[str, object]:
    """Facts about this machine.

    `names` are files whose digests are wanted, from `folder`, beside all code files that are found
    there; of `search`, a `sys.path`, those entries are named that do not exist.
    Cost: a read of all these files.
    """
    if not os.path.isdir(folder):
        return {"python": _python(), "packages": {}, "folder": False, "files": {}, "lacking": []}
    wanted = sorted({*names, *_code(folder)})
    return {
        "python": _python(),
        "packages": {name: _version(name) for name in NEEDED},
        "folder": True,
        "files": {name: _digest(os.path.join(folder, name)) for name in wanted},
        "lacking": [entry for entry in search if entry and not os.path.exists(entry)],
    }


def tracked(folder: str) -> list[str]:
    """The files that git knows in a folder; none where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", folder, "ls-files", "-z"], capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name] if done.returncode == 0 else []


def _python() -> str:
    return sys.implementation.name + " " + ".".join(str(number) for number in sys.version_info[:3])


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _code(folder: str) -> list[str]:
    """Code and configuration below a folder, without what is hidden, built or installed."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in ("__pycache__", "node_modules")
            and not os.path.exists(os.path.join(place, name, "pyvenv.cfg"))
        ]
        inside = os.path.relpath(place, folder)
        found += [os.path.normpath(os.path.join(inside, name)) for name in files if name.endswith(CODE)]
    return found


def _digest(path: str) -> str:
    try:
        if os.path.getsize(path) > _LARGEST_BYTES:
            return "size " + str(os.path.getsize(path))
        with open(path, "rb") as file:
            return hashlib.blake2b(file.read(), digest_size=16).hexdigest()
    except OSError:
        return ""


if __name__ == "__main__":
    # What is asked for stands in the variable that the sender puts before this text.
    asked = json.loads(globals()["ASKED"])
    print(json.dumps(describe(asked["folder"], asked["names"], asked["search"])))
