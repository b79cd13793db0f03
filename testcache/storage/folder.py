"""The store's folder: whose it is, what is in it, and where it may not be.

<folder>/            0700; .gitignore, CACHEDIR.TAG, README.md
<folder>/v1/         cache.db (with SQLite's -wal and -shm), lock, cache.db.damaged (what was set aside last)
<folder>/journals/   one file for each living writer
<folder>/tally       runs in which nothing changed
<folder>/outage      when a remote was of no use last
<folder>/seal        what must be as it is for a run in which nothing changed
"""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path

from testcache import seal
from testcache.errors import StoreError
from testcache.storage import outage, tally

VERSION_FOLDER = "v1"
DATABASE = "cache.db"
DAMAGED = "cache.db.damaged"
LOCK = "lock"
JOURNALS = "journals"

_TAG_LINE = "Signature: 8a477f597d28d172789f06886806bc55"  # fixed by the CACHEDIR.TAG convention
_MARKERS = {
    ".gitignore": "# Made by testcache.\n*\n",
    "CACHEDIR.TAG": f"{_TAG_LINE}\n# This folder is a cache made by testcache; backups may leave it out.\n",
    "README.md": (
        "# testcache\n\nRecorded test results, so that `pytest --cached` can skip tests whose inputs are"
        " unchanged.\nDo not edit, commit or copy it: use `testcache export` to move results to another"
        " machine.\n`testcache clear` empties it; the folder may be deleted when no test run uses it.\n"
    ),
}
_OURS = {*_MARKERS, VERSION_FOLDER, JOURNALS, outage.NAME, tally.NAME, seal.NAME}
_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "afs", "ncpfs")
_MOUNT_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}
MOUNTS = Path("/proc/mounts")


def prepare(folder: Path) -> None:
    """Create the folder with its markers, or check that an existing one is ours to use.

    Raises:
        StoreError: a link, somebody else's, on a network file system, or a folder with other things in it.
        OSError: it cannot be created or written.
    """
    check(folder)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    elif not (folder / "CACHEDIR.TAG").is_file():
        strangers = sorted({entry.name for entry in folder.iterdir()} - _OURS)
        if strangers:
            raise StoreError(f"{folder} is not a testcache folder (it holds {strangers[0]}); choose another cache_dir")
    if stat.S_IMODE(folder.stat().st_mode) & 0o022:
        folder.chmod(0o700)  # who can write a store can choose what is replayed
    for name, text in _MARKERS.items():
        if not (folder / name).exists():
            (folder / name).write_text(text, encoding="utf-8")


def check(path: Path) -> None:
    """Raise StoreError if a file or folder of the store is a link, has another owner or is remote.

    Does not see a folder reached through a linked parent that is changed between this look and the next
    use, nor a file that is mounted by itself.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISLNK(status.st_mode):
            raise StoreError(f"the store {path} is a symbolic link; name the folder itself")
        if status.st_uid != os.geteuid():
            raise StoreError(f"the store {path} belongs to another user (uid {status.st_uid})")
        if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
            raise StoreError(f"the store {path} is neither a file nor a folder")
    kind = _kind(path if path.is_dir() else path.parent)
    if kind.startswith(_NETWORK):
        raise StoreError(
            f"the store {path} is on a network file system ({kind}), where SQLite's locks do not hold;"
            " choose a cache_dir on a local disk"
        )


@functools.cache
def _kind(folder: Path) -> str:
    """The type of the file system that holds a folder. Cost: 0.1 ms for the table of mounts, some ms if it is long."""
    if not MOUNTS.exists():
        return ""
    return file_system(folder, MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))


def file_system(path: Path, mounts: str) -> str:
    """Return the type of the file system that holds `path`, by a text like that of /proc/mounts, or "".

    A mount point is matched by whole path components; of two on the same folder the later one counts.
    """
    resolved = path.resolve()
    parents = {str(folder) for folder in (resolved, *resolved.parents)}
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1]
        for escape, character in _MOUNT_ESCAPES.items():
            point = point.replace(escape, character)
        if point in parents and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind
