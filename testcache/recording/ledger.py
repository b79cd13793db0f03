"""The ledger: what a test depends on, summed up from its context and all that it is linked to.

A test rests on the code it ran, on its own reads, on the wide fixtures it used, on the fills of the
memos it asked, and on the import closure of every file any of that code lies in.
"""

from __future__ import annotations

from collections.abc import Iterable

from testcache.inputs import files as fs
from testcache.model import Input, Kind, Read
from testcache.reasons import Reason
from testcache.recording.context import Context, Place, Problem
from testcache.recording.tape import Tape


class Ledger:
    """Sums up contexts; sets of reads that many tests share come out as the very same object."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._sums: dict[Context, tuple[tuple[int, int], frozenset[Read]]] = {}
        self._closures: dict[frozenset[Context], tuple[int, frozenset[Context]]] = {}
        self._joined: dict[frozenset[frozenset[Read]], frozenset[Read]] = {}

    def parts(self, test: Context, more: Iterable[Read] = ()) -> tuple[frozenset[Read], ...]:
        """The reads of a test as (its own, those of the modules it rests on)."""
        own, modules = self._contexts(test)
        base = self._join(frozenset(self._sum(context) for context in modules))
        mine = frozenset(more).union(*(self._sum(context) for context in own)) - base
        return (mine, base) if base else (mine,)

    def problems(self, test: Context) -> list[Problem]:
        """Everything that keeps this test from being stored; changed files among it."""
        own, modules = self._contexts(test)
        found = [problem for context in (*own, *modules) for problem in context.problems]
        for context in own:
            for path, signature in context.signatures.items():
                if path not in context.written and fs.signature_of(path) != signature:
                    name = self._tape.roots.name(path)
                    read = context.reads.get(Input(Kind.FILE, name))
                    if read is not None and self._tape.files.digest(path) != read:
                        found.append(Problem(Reason.INPUT_CHANGED_DURING_RUN, f"file {name}"))
        return found

    def labels(self, test: Context) -> tuple[str, ...]:
        """The remarks that every replay of this test repeats."""
        own, modules = self._contexts(test)
        return tuple(sorted({label for context in (*own, *modules) for label in context.labels}))

    def whole_text(self) -> frozenset[Read]:
        """The bytes of every first-party file loaded so far.

        Stands in for code that has not run yet but will: the teardown of a fixture that is still open.
        """
        tape = self._tape
        return frozenset(
            Read(Input(Kind.FILE, tape.roots.name(path)), loaded.content) for path, loaded in tape.loaded.items()
        )

    def _contexts(self, test: Context) -> tuple[set[Context], frozenset[Context]]:
        """Split what a test is linked to into its own contexts and the import closure below them."""
        tape = self._tape
        module_contexts = {loaded.context for loaded in tape.loaded.values()}
        own: set[Context] = set()
        entries: set[Context] = set()
        queue = [test]
        mentioned: set[Place] = set()
        while queue:
            context = queue.pop()
            if context in own:
                continue
            own.add(context)
            for file, line in context.places:
                loaded = tape.loaded.get(file)
                if loaded is not None:
                    entries.add(loaded.context)
                    if tape.fills:
                        self._mention(loaded.source.mentions.get(loaded.source.block_at(line)), mentioned)
            for link in context.links:
                (entries.add if link in module_contexts else queue.append)(link)
            queue.extend(tape.fills[place].context for place in mentioned)
            mentioned.clear()
        entries.add(tape.run)
        return own, self._closure(frozenset(entries))

    def _mention(self, names: frozenset[str] | None, found: set[Place]) -> None:
        if not names:
            return
        for place, fill in self._tape.fills.items():
            if not fill.names.isdisjoint(names) or "*" in fill.names:
                found.add(place)

    def _closure(self, entries: frozenset[Context]) -> frozenset[Context]:
        """All contexts below these, through links and through the files their code lies in."""
        size = len(self._tape.loaded)
        known = self._closures.get(entries)
        if known is not None and known[0] == size:
            return known[1]
        tape = self._tape
        seen: set[Context] = set()
        queue = list(entries)
        while queue:
            context = queue.pop()
            if context in seen:
                continue
            seen.add(context)
            queue.extend(context.links)
            for file, _ in context.places:
                loaded = tape.loaded.get(file)
                if loaded is not None:
                    queue.append(loaded.context)
        closure = frozenset(seen)
        self._closures[entries] = (size, closure)
        return closure

    def _sum(self, context: Context) -> frozenset[Read]:
        """One context's own reads, code and bodies of the files that code lies in."""
        size = (len(context.places), len(context.reads))
        known = self._sums.get(context)
        if known is None or known[0] != size:
            known = self._sums[context] = (size, frozenset(self._reads_of(context)))
        return known[1]

    def _reads_of(self, context: Context) -> Iterable[Read]:
        tape = self._tape
        for asked, value in context.reads.items():
            yield Read(asked, value)
        for file, line in context.places:
            loaded = tape.loaded.get(file)
            name = tape.roots.name(file)
            if loaded is None:  # code compiled from a file that is no module, such as a template
                yield Read(Input(Kind.FILE, name), tape.files.digest(file))
                continue
            yield Read(Input(Kind.BODY, name), loaded.source.body)
            block = loaded.source.block_at(line)
            if block:
                yield Read(Input(Kind.BLOCK, f"{name}::{block}"), loaded.source.blocks[block])

    def _join(self, sums: frozenset[frozenset[Read]]) -> frozenset[Read]:
        known = self._joined.get(sums)
        if known is None:
            known = self._joined[sums] = frozenset().union(*sums)
        return known
