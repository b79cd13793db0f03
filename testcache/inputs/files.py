"""Digests of files, folders and links as they are now, with a stat as the shortcut.

The calls into the system are held from the start: a test may replace `os.getcwd` or `open` by what it
likes, and its inputs are still what the system read.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from io import FileIO
from os import DirEntry, PathLike, fsdecode, getcwd, readlink, scandir, sep, stat_result
from os import stat as ask
from os.path import dirname, isabs, isdir, join, normpath

from testcache import digest
from testcache.clock import clock
from testcache.inputs.roots import IGNORED_NAMES
from testcache.model import ABSENT, Digest

Signature = tuple[int, int, int, int]
"""mtime_ns, ctime_ns, size, inode. The change time is what no `touch`, `cp -p` or `rsync` can set back."""

RACY_S = 2.0
"""A file changed this shortly before it was hashed may change again within the same clock tick: its
signature is not trusted in another run. Go's test cache waits as long (`modTimeCutoff`)."""

MOST_LINKS = 40
"""Links in one path that are followed: as many as Linux does."""

_CHUNK = 1 << 20


def absolute(path: str | bytes | PathLike[str] | PathLike[bytes]) -> str:
    """The absolute form of a path. Raises OSError without a current folder.

    As `os.path.abspath` has it, except behind a link: `link/..` is the folder that the link's target lies in.
    """
    name = fsdecode(path)
    whole = name if isabs(name) else join(getcwd(), name)
    ahead, up, rest = whole.partition(f"{sep}..")
    while up and (not rest or rest.startswith(sep)):
        whole = dirname(real(ahead) if _is_link(ahead) else normpath(ahead)) + rest
        ahead, up, rest = whole.partition(f"{sep}..")
    return normpath(whole)


def _is_link(path: str) -> bool:
    """Whether a path is a symbolic link; what lies above it does not matter."""
    try:
        readlink(path)
    except (OSError, ValueError):
        return False
    return True


def real(path: str) -> str:
    """An absolute path without links, whether there is something or not. Cost: a system call for each folder in it."""
    rest = path.split(sep)[::-1]
    found = ""
    links = 0
    while rest:
        part = rest.pop()
        if part == "..":
            found = found.rpartition(sep)[0]
        elif part not in ("", "."):
            step = found + sep + part
            try:
                target = readlink(step)
            except (OSError, ValueError):
                found = step
                continue
            links += 1
            if links > MOST_LINKS:
                return path
            if isabs(target):
                found = ""
            rest += target.split(sep)[::-1]
    return found or sep


def followed(path: str, *, whole: bool = True) -> str:
    """Where the first link in a path leads; the path itself if there is none. `whole` counts the last name, too."""
    parts = path.split(sep)
    for end in range(2, len(parts) + whole):
        step = sep.join(parts[:end])
        try:
            target = readlink(step)
        except (OSError, ValueError):
            continue
        return normpath(join(dirname(step), target, *parts[end:]))
    return path


def of_descriptor(descriptor: int) -> str:
    """The path of an open folder, "" if the system does not tell."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            path = readlink(f"{folder}{sep}{descriptor}")
        except OSError:
            continue
        return path if isabs(path) else ""
    return ""


def archive_of(path: str) -> str:
    """The file that a path leads into, such as `lib.zip` for a module in it; else the path itself."""
    outer = path
    while signature_of(outer) is None:
        folder = dirname(outer)
        if folder == outer:
            return path
        outer = folder
    return outer if outer != path and not isdir(outer) else path


def real_place(path: str) -> str:
    """The same for where something is: a link itself is not followed."""
    folder, _, name = path.rpartition(sep)
    return f"{real(folder or sep).rstrip(sep)}{sep}{name}"


def signature_of(path: str) -> Signature | None:
    """Stat a path, following links; None if nothing is there. Cost: one system call."""
    try:
        seen = ask(path)
    except (OSError, ValueError):
        return None
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino


def read_bytes(path: str) -> bytes:
    """Read a whole file; OSError as usual."""
    with FileIO(path) as file:
        return file.readall()


class Files:
    """Content digests, each file hashed once while its signature holds.

    Does not see: an edit that keeps size, inode and change time, which needs a clock set back or a
    file system without change times.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Signature, Digest]] = {}
        self._first: dict[str, tuple[Signature, Digest]] = {}
        self._remembered: dict[str, tuple[Signature, Digest]] = {}
        self._absent: set[str] = set()
        self.hashed = 0

    def digest(self, path: str) -> Digest:
        """Digest the bytes of a file; ABSENT if there is none, a fixed digest for a folder."""
        signature = signature_of(path)
        if signature is None:
            self._absent.add(path)
            return ABSENT
        return self.digest_at(path, signature)

    def digest_at(self, path: str, signature: Signature) -> Digest:
        """Digest a file whose signature was just taken. Cost: a look-up if it was hashed before."""
        for table in (self._known, self._remembered):
            found = table.get(path)
            if found is not None and found[0] == signature:
                if table is self._remembered:
                    self._known[path] = found
                return found[1]
        try:
            value = self._hash(path, signature[2])
        except IsADirectoryError:
            value = digest.of_text("folder")
        except OSError as problem:
            value = digest.of_fields("unreadable", problem.errno)
        if signature_of(path) == signature:
            self._known[path] = (signature, value)
        first = self._first.setdefault(path, (signature, value))
        if first[1] != value:
            self._first[path] = (signature, ABSENT)  # moved within this run: nobody may rely on it
        return value

    def first(self, path: str) -> tuple[Signature, Digest] | None:
        """What a file was when this run first looked; None if it was not looked at, or changed since."""
        found = self._first.get(path) or self._known.get(path)
        return found if found is not None and found[1] else None

    def seen(self) -> Iterator[str]:
        """Every path that was asked for, whether there was something or not."""
        yield from self._known
        yield from self._absent

    def _hash(self, path: str, size: int) -> Digest:
        self.hashed += 1
        data = read_bytes(path)
        return digest.of_bytes(data)

    def remember(self, table: Iterable[tuple[str, Signature, Digest]]) -> None:
        """Take over what an earlier run knew of this machine's files."""
        self._remembered = {path: (signature, value) for path, signature, value in table}

    def trusted(self) -> Iterator[tuple[str, Signature, Digest]]:
        """Give what the next run may rely on: nothing that changed within the last `RACY_S` seconds."""
        limit = clock.time_ns() - int(RACY_S * 1e9)
        for path, (signature, value) in {**self._remembered, **self._known}.items():
            if max(signature[0], signature[1]) < limit:
                yield path, signature, value


def kind_of(path: str, *, follow: bool = True) -> Digest:
    """Say whether a path is there, and whether it is a file, a folder or something else."""
    try:
        mode = ask(path, follow_symlinks=follow).st_mode
    except (OSError, ValueError):
        return ABSENT
    return kind_digest(mode)


def kind_digest(mode: int) -> Digest:
    """Digest of the kind of a thing from its `st_mode`."""
    return Digest(b"f" if stat.S_ISREG(mode) else b"d" if stat.S_ISDIR(mode) else b"o")


def stat_of(path: str, *, follow: bool = True) -> Digest:
    """Digest of what `os.stat` answers, as far as it survives a fresh clone."""
    try:
        seen = ask(path, follow_symlinks=follow)
    except (OSError, ValueError):
        return ABSENT
    return stat_digest(seen)


def stat_digest(seen: stat_result) -> Digest:
    """Digest of kind, permission bits and (of files) size; a folder's size says nothing."""
    mode = seen.st_mode
    size = seen.st_size if stat.S_ISREG(mode) else 0
    return digest.of_fields("stat", stat.S_IFMT(mode), mode & 0o111, size)


def times_of(path: str) -> Digest:
    """Digest of a modification time, for those who ask for it by name."""
    signature = signature_of(path)
    return ABSENT if signature is None else digest.of_fields("times", signature[0])


def permissions_of(path: str) -> Digest:
    """Digest of who may do what with a file, for those who ask for it by name."""
    try:
        return digest.of_fields("permissions", stat.S_IMODE(ask(path).st_mode))
    except (OSError, ValueError):
        return ABSENT


def listing_of(path: str, *, without: frozenset[str] = frozenset()) -> Digest:
    """Digest of a folder's entries: names and kinds, not what tools leave there, not `without`."""
    try:
        with scandir(path) as entries:
            rows = sorted(
                (entry.name, _entry_kind(entry))
                for entry in entries
                if entry.name not in IGNORED_NAMES and entry.name not in without and not entry.name.endswith(".pyc")
            )
    except (OSError, ValueError):
        return ABSENT
    return digest.of_fields("listing", *(text for row in rows for text in row))


def _entry_kind(entry: DirEntry[str]) -> str:
    link = "l" if entry.is_symlink() else ""  # `os.walk` does not go into it
    try:
        return link + ("d" if entry.is_dir() else "f")
    except OSError:
        return "?"


def link_of(path: str) -> Digest:
    """Digest of a symbolic link's target; of what is no link, its kind."""
    try:
        return digest.of_fields("link", readlink(path))
    except (OSError, ValueError):
        return kind_of(path, follow=False)
