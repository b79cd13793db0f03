"""Environment variables of traces that leave their store: each then names the salt it is keyed with."""

from __future__ import annotations

from collections.abc import Callable

from testcache.model import ABSENT, Input, Kind, Manifest, Read, Trace
from testcache.structs import replace

Renamed = Callable[[str], str]


def marked(manifest: Manifest, own: str) -> tuple[Manifest, set[str]]:
    """Name the store's own salt in every variable that lacks one; also return all salts that are named.

    An unset variable has no digest, so it needs no salt.
    """
    named: set[str] = set()

    def mark(name: str) -> str:
        variable, found, salt = name.partition("=")
        named.add(salt if found else own)
        return name if found else f"{variable}={own}"

    return _renamed(manifest, mark), named


def unmarked(manifest: Manifest, own: str) -> Manifest:
    """The reverse, for the variables that are keyed with the store's own salt."""
    return _renamed(manifest, lambda name: name.removesuffix(f"={own}"))


def _renamed(manifest: Manifest, rename: Renamed) -> Manifest:
    known: dict[frozenset[Read], frozenset[Read]] = {}

    def part(reads: frozenset[Read]) -> frozenset[Read]:
        if reads not in known:
            known[reads] = _part(reads, rename)
        return known[reads]

    def trace(old: Trace) -> Trace:
        return replace(old, parts=tuple(part(reads) for reads in old.parts))

    traces = {node: [trace(old) for old in olds] for node, olds in manifest.traces.items()}
    return Manifest(traces, dict(manifest.failed))


def _part(reads: frozenset[Read], rename: Renamed) -> frozenset[Read]:
    keyed = {read for read in reads if read.input.kind is Kind.VARIABLE and read.digest != ABSENT}
    if not keyed:
        return reads  # the very same set: sharing is what makes a manifest small
    return (reads - keyed) | {Read(Input(Kind.VARIABLE, rename(read.input.name)), read.digest) for read in keyed}
