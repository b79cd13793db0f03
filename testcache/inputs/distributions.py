"""Installed distributions: which one owns a file, what it needs, and its fingerprint now.

A distribution is its version, the bytes of its RECORD (which holds a hash of each installed file)
and the bytes of the files that RECORD names without a hash. Does not see: a file edited by hand
inside an installed distribution whose RECORD gives a hash for it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Container, Iterable, Sequence
from os import fsdecode, listdir
from os.path import basename, dirname, isdir, isfile, join

from testcache import digest
from testcache.inputs.files import Files, Signature, read_bytes, signature_of
from testcache.model import ABSENT, Digest

ALL = "*"
"""The name of the input "which distributions are installed, with which entry points": scans for these read it."""

_METADATA_SUFFIXES = (".dist-info", ".egg-info")
_REQUIRES = re.compile(rb"^Requires-Dist: *([A-Za-z0-9._-]+)([^\n]*)", re.MULTILINE)
_OF_AN_EXTRA = re.compile(rb";.*\bextra\b")
_NO_HASH = re.compile(rb"^([^,\n]+\.(?:py|so|pyd)),,", re.MULTILINE)
_ENDS = (b".py,,", b".so,,", b".pyd,,")
"""One of these stands in a RECORD with such a file: to look for them takes a tenth of the time."""


def canonical(name: str) -> str:
    """Fold a distribution's name as PEP 503 says."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Distributions:
    """The metadata folders on the interpreter's search path, or on `search`, read lazily."""

    def __init__(self, files: Files, rootdir: str, search: Sequence[str] | None = None) -> None:
        self._files = files
        self._rootdir = rootdir
        self._search = search
        self._folders: dict[str, str] | None = None
        self._owners: dict[str, str | None] = {}
        self._by_top: dict[str, set[str]] | None = None
        self._listed: dict[str, frozenset[bytes]] = {}
        self._fingerprints: dict[str, tuple[tuple[str, ...], list[Signature | None], Digest]] = {}

    def forget(self) -> None:
        """Look at the folders anew."""
        self._folders = None

    def folders(self) -> dict[str, str]:
        """Canonical name to metadata folder; the first on the search path wins."""
        if self._folders is None:
            self._folders = {}
            for entry in dict.fromkeys(sys.path if self._search is None else self._search):
                if entry and isdir(entry):
                    self._add(entry)
        return self._folders

    def _add(self, entry: str) -> None:
        assert self._folders is not None
        try:
            names = listdir(entry)
        except OSError:
            return
        for name in sorted(names):
            if name.endswith(_METADATA_SUFFIXES):
                stem = canonical(name.rpartition(".")[0].split("-")[0])
                self._folders.setdefault(stem, join(entry, name))

    def fingerprint(self, name: str) -> Digest:
        """Digest of one distribution as installed now, or ABSENT. Cost: two stats if nothing changed."""
        if name == ALL:
            every = sorted(self.folders().values(), key=basename)
            points = (self._files.digest(join(each, "entry_points.txt")) for each in every)
            return digest.of_fields("all", *map(basename, every), *points)
        folder = self.folders().get(canonical(name))
        if folder is None:
            return ABSENT
        paths, signatures, found = self._fingerprints.get(folder, ((), [], ABSENT))
        if paths and [*map(signature_of, paths)] == signatures:
            return found  # each module that imports pytest asks for it and for all that it needs
        paths = self._counting(folder)
        signatures = [*map(signature_of, paths)]
        found = digest.of_fields("distribution", basename(folder), *map(self._files.digest, paths))
        self._fingerprints[folder] = paths, signatures, found
        return found

    def _counting(self, folder: str) -> tuple[str, ...]:
        """The files whose bytes count for a distribution: its RECORD and its metadata, and what has no hash there."""
        record, metadata = join(folder, "RECORD"), join(folder, "METADATA")
        if signature_of(record) is None:
            return record, metadata, folder if folder.endswith(".egg-info") else join(folder, "PKG-INFO")
        data, base = read_bytes(record), dirname(folder)
        without = _NO_HASH.findall(data) if any(end in data for end in _ENDS) else ()
        return record, metadata, *(join(base, fsdecode(line)) for line in without)

    def needs(self, name: str, loaded: Container[str]) -> frozenset[str]:
        """The distributions that one declares to need, directly, and that are installed; markers are not looked at.

        What it needs only for an extra counts if a module of it was `loaded` before imports were watched: pytest names
        thirteen of them for its own tests. Cost, for each of these: its list of files is read.
        """
        folder = self.folders().get(canonical(name))
        if folder is None:
            return frozenset()
        for file in ("METADATA", "PKG-INFO"):
            path = join(folder, file)
            if isfile(path):
                head = read_bytes(path).partition(b"\n\n")[0]
                found = {canonical(other.decode()): rest for other, rest in _REQUIRES.findall(head)}
                return frozenset(
                    other
                    for other, rest in found.items()
                    if other in self.folders() and (not _OF_AN_EXTRA.search(rest) or self._is_any(other, loaded))
                )
        return frozenset()

    def _is_any(self, name: str, loaded: Container[str]) -> bool:
        """Whether one of these modules is of a distribution."""
        return any(top.removesuffix(".py") in loaded for top in self._tops(name))

    def owner(self, path: str) -> str | None:
        """The distribution that installed a file in a site folder; None if nobody did, by what its RECORD says."""
        if path not in self._owners:
            found = self._find_owner(path)
            self._owners[path] = found if found is not None and self._has_installed(found, path) else None
        return self._owners[path]

    def _has_installed(self, name: str, path: str) -> bool:
        """Whether a RECORD names a file, or there is none to ask. Cost: a look-up, once the RECORD is read."""
        folder = self.folders().get(name)
        site = dirname(folder) + os.sep if folder is not None else ""
        if folder is None or not path.startswith(site) or path.startswith(folder):
            return True
        if name not in self._listed:
            record = join(folder, "RECORD")
            lines = read_bytes(record).splitlines() if isfile(record) else ()
            self._listed[name] = frozenset(line.rpartition(b",")[0].rpartition(b",")[0].strip(b'"') for line in lines)
        listed = self._listed[name]
        return not listed or os.fsencode(path[len(site) :].replace(os.sep, "/")) in listed

    def _find_owner(self, path: str) -> str | None:
        for marker in (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}"):
            site, found, inside = path.rpartition(marker)
            if found:
                break
        else:
            return None
        top = inside.split(os.sep)[0]
        if top.endswith(_METADATA_SUFFIXES):
            return canonical(top.rpartition(".")[0].split("-")[0])
        guess = canonical(top.split(".")[0])
        folder = self.folders().get(guess)
        if folder is not None and dirname(folder) == (site + marker).rstrip(os.sep):
            return guess
        candidates = self._top_names().get(top, set())
        if len(candidates) > 1:
            candidates = {name for name in candidates if self._records(name, inside)} or candidates
        return min(candidates) if candidates else None

    def _records(self, name: str, inside: str) -> bool:
        record = join(self.folders()[name], "RECORD")
        return isfile(record) and b"\n" + os.fsencode(inside) + b"," in b"\n" + read_bytes(record)

    def _top_names(self) -> dict[str, set[str]]:
        """First path component to distributions, from every RECORD. Cost: about 0.3 ms a distribution."""
        if self._by_top is None:
            self._by_top = {}
            for name in self.folders():
                for top in self._tops(name):
                    self._by_top.setdefault(top, set()).add(name)
        return self._by_top

    def _tops(self, name: str) -> Iterable[str]:
        """The first path components of what a distribution has installed."""
        record, listed = (join(self.folders()[name], file) for file in ("RECORD", "top_level.txt"))
        if isfile(record):
            found = {line.split(b",")[0].split(b"/")[0] for line in read_bytes(record).splitlines()}
        elif isfile(listed):
            found = set(read_bytes(listed).split())
        else:
            found = {name.replace("-", "_").encode()}
        return map(fsdecode, found)

    def editable_folders(self) -> list[str]:
        """Folders of projects installed in editable mode: they are the developer's own code."""
        found = []
        for folder in self.folders().values():
            origin = join(folder, "direct_url.json")
            if isfile(origin):
                text = read_bytes(origin).decode("utf-8", "replace")
                place = re.search(r'"url": *"file://([^"]+)"', text)
                if place and re.search(r'"editable": *true', text):
                    found.append(place.group(1))
        return found
