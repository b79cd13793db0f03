"""Checking an index against the world: which of its reads changed, and which test files that leaves held."""

from __future__ import annotations

from testcache.inputs.files import RACY_S, signature_of
from testcache.inputs.world import World
from testcache.model import Input, Kind
from testcache.storage.index import Index, IndexedFile


def changed_reads(index: Index, world: World) -> set[int]:
    """The numbers of the reads that are no longer true.

    A file's stat settles it if it is the recorded one and was at least `RACY_S` seconds old when the
    index was written; otherwise its bytes are hashed. Cost: one stat a file, about 2 µs.
    """
    roots, files = world.roots, world.files
    trusted_before = int((index.written_at - RACY_S) * 1e9)
    changed = set()
    for number, content in enumerate(index.contents):
        path = roots.path(content.name)
        now = signature_of(path)
        if now == content.signature and max(now[0], now[1]) < trusted_before:
            continue
        if files.digest(path) != content.digest:
            changed.add(number)
    first_fact = len(index.contents)
    for number, fact in enumerate(index.facts, first_fact):
        if world.digest_of(Input(Kind(fact.kind), fact.name)) != fact.digest:
            changed.add(number)
    return changed


def held_files(index: Index, changed: set[int]) -> list[IndexedFile]:
    """The test files of which every test can be replayed."""
    if not changed:
        return [file for file in index.files if file.held]
    return [file for file in index.files if file.held and changed.isdisjoint(file.numbers())]
