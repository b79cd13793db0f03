"""`testcache ci key`: under which key a CI keeps the bundles of a job, and which older keys will do.

    key          = prefix v1 system machine interpreter version lock-digest unique     joined by "-"
    restore keys = the key without `unique`, and without `lock-digest` too, each ending in "-"

The lock files are in the key only so that the nearest bundle is found first: whether a result holds is
decided test by test.
"""

from __future__ import annotations

import glob
import hashlib
import os
import platform
import re
import sys
from pathlib import Path

from testcache.commands.ci import outputs
from testcache.exchange.place import place
from testcache.project import Project
from testcache.terminal import say

VERSION = "v1"
"""Raised when older bundles are of no use any more."""

_LOCKS = ("*.lock", "pylock*.toml", "requirements*.txt", "constraints*.txt", "pyproject.toml", "setup.cfg")


def run(project: Project, *, prefix: str, mode: str, branches: tuple[str, ...], file: str | None) -> int:
    """Print key, restore keys and mode; always 0. `file` takes the part of the key that is not unique."""
    here = place(os.environ, mode, branches)
    wide = "-".join([_plain(prefix), VERSION, *machine()])
    near = f"{wide}-{locks(project.rootdir)}"
    key = f"{near}-{_plain(here.unique)}" if here.unique else near
    restore = [f"{near}-", f"{wide}-"]
    outputs.put({"key": key, "restore-keys": restore, "mode": here.mode})
    if file is not None:
        Path(file).write_text(f"{near}\n", encoding="utf-8")
    say(f"key={key}")
    for text in restore:
        say(f"restore-key={text}")
    say(f"mode={here.mode} ({here.why})")
    return 0


def machine() -> tuple[str, str, str]:
    """System, machine and interpreter, as they stand in a key: `linux`, `x86_64`, `cpython3.12.1`."""
    version = f"{sys.implementation.name}{platform.python_version()}"
    return sys.platform, _plain(platform.machine()), _plain(version)


def locks(rootdir: Path) -> str:
    """12 digits for the names and bytes of all files that say which distributions are installed."""
    names = sorted({name for pattern in _LOCKS for name in glob.glob(pattern, root_dir=rootdir)})
    digest = hashlib.sha256()
    for name in names:
        if (rootdir / name).is_file():
            digest.update(f"{name}\0".encode() + hashlib.sha256((rootdir / name).read_bytes()).digest())
    return digest.hexdigest()[:12]


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)
