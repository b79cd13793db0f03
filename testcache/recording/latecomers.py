"""Latecomers: modules that a test was the first to load, and what of its doing they came upon while it lasted.

1. Test A patches a setting, and imports a module that reads it. A puts the setting back.
2. The module keeps what it has read: who comes behind A finds it loaded, and rests on what A had set.

That is a leftover of A like any other, in a place of its own: `config.py::DEBUG@app.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from testcache.model import Access, Found, NodeId
from testcache.recording.ambience import Ambience
from testcache.recording.context import Context
from testcache.recording.ledger import Ledger
from testcache.recording.legacy import Legacy
from testcache.recording.remains import Remains, may_reach
from testcache.recording.tape import Tape

_AT = "@"


class Latecomers:
    """The modules that were loaded since the first test has begun.

    Attributes:
        contexts: those of all.
    """

    def __init__(self, tape: Tape, ledger: Ledger, ambience: Ambience, remains: Remains) -> None:
        self._tape = tape
        self._ledger = ledger
        self._ambience = ambience
        self._remains = remains
        self._under: dict[Context, list[tuple[Found, Context | None]]] = {}
        self.contexts: set[Context] = set()

    def arrives(self, path: str, test: NodeId | None, legacy: Legacy) -> None:
        """A module has been executed: what it may have come upon of what the test had left up to then is left, too.

        That is added to `legacy`. A list to which it has only added does not matter: a registry, to which modules add,
        too. Cost: nothing where the test has left nothing, else 1 us a function that the import has run.
        """
        loaded = self._tape.loaded.get(path)
        if loaded is None:
            return
        context = loaded.context
        self.contexts.add(context)
        self._under.pop(context, None)
        known, steps = self._remains.entries, legacy.steps
        entries = {at: known[at] for at in legacy.left if at in known and type(steps.get(at)) is not tuple}
        if test is None or not entries:
            return
        file = self._tape.place_name(path)
        asked = frozenset(self._ambience.asked(context.reads))
        mentions = [asked, *map(self._ledger.mentions, context.places)]
        for place, entry in entries.items():
            if may_reach(mentions, entry):
                found = Found(test, f"{place}{_AT}{file}", legacy.left[place])
                self._under.setdefault(context, []).append((found, entry.fixture))
                legacy.left[found.place] = found.value
                # Whoever rests on the module comes upon it.
                legacy.gone[found.place] = Access(
                    frozenset(), frozenset((file,)), added=False, wide=entry.fixture is not None
                )

    def found(self, modules: frozenset[Context], own: frozenset[Context]) -> Iterator[Found]:
        """What those rest on who rest on these modules, but for what fixtures of their own have set."""
        for context in self._under.keys() & modules:
            yield from (found for found, fixture in self._under[context] if fixture not in own)
