"""Whose results a run reads and whose it writes: each branch has entries of its own, beside those of the base.

A pull request reads what was recorded for the base branch and writes under its own name, so that what it
recorded is seen by nobody else. What keeps it from writing under another name is not this module, which
its author may change, but the credentials and the key that its job is not given (SECURITY.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from testcache.exchange.place import place
from testcache.settings import Remote
from testcache.structs import Struct

_HEAD = "ref: refs/heads/"
_LINE_BYTES = 4096


class Scopes(Struct, frozen=True):
    """Names of sets of entries.

    Attributes:
        own: the one that is written, "" if nothing is.
        read: those that are looked into; of a test that several know, all results count.
    """

    own: str
    read: tuple[str, ...]


def scopes(settings: Remote, rootdir: Path, environ: Mapping[str, str]) -> Scopes:
    """The scopes of this run, according to the mode, the CI or git. A release reads and writes nothing."""
    base = tuple(f"branch:{name}" for name in settings.base)
    here = place(environ)
    if here.mode == "off" or settings.mode == "off":
        return Scopes("", ())
    if settings.branch:
        own = f"branch:{settings.branch}"
    elif here.unique:
        own = here.branch
    else:
        own = _checked_out(rootdir, base)
    writes, reads = "write" in settings.mode, "read" in settings.mode
    read = tuple(dict.fromkeys(name for name in (own, *base) if name))
    return Scopes(own if writes else "", read if reads else ())


def _checked_out(rootdir: Path, base: tuple[str, ...]) -> str:
    """The branch that git has here; the base without git, "" if git is on no branch."""
    for folder in (rootdir, *rootdir.parents):
        git = folder / ".git"
        if git.exists():
            head = _line(git / "HEAD" if git.is_dir() else folder / _line(git).removeprefix("gitdir: ") / "HEAD")
            return f"branch:{head.removeprefix(_HEAD)}" if head.startswith(_HEAD) else ""
    return base[0] if base else ""


def _line(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.readline(_LINE_BYTES)).strip()
    except OSError:
        return ""
