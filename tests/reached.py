"""What a change of files matters to a trace: real sources, reads and decisions, without a run."""

from __future__ import annotations

from collections.abc import Mapping

from prints import read

from testcache.code.source import Source
from testcache.model import ABSENT, Defined, Digest, Input, Kind, Read, Trace
from testcache.reach import Reach
from testcache.trace import Verifier


def trace_of(files: Mapping[str, Source], blocks: str, extra: tuple[Input, ...] = ()) -> Trace:
    """A trace that rests on all of the files and ran these blocks."""
    wanted = [Input(kind, path) for path in files for kind in (Kind.BODY, Kind.DEFINITIONS)]
    wanted += [Input(Kind.BLOCK, block) for block in blocks.split()]
    return Trace(
        (frozenset(Read(asked, digest_in(files, asked)) for asked in (*wanted, *extra)),), "passed", (), 0.0, 0.0
    )


def digest_in(files: Mapping[str, Source], asked: Input) -> Digest:
    path, _, block = asked.name.partition("::")
    if block == "*" or path == "*":
        return ABSENT
    source = files[path]
    match asked.kind:
        case Kind.BODY:
            return source.body
        case Kind.DEFINITIONS:
            return source.defined
    return source.blocks[block]


def matter(
    before: Mapping[str, str], after: Mapping[str, str], blocks: str, extra: tuple[Input, ...] = ()
) -> set[str] | None:
    """The definitions that matter to a trace; None if something else of it has changed."""
    old, new = ({path: read(code) for path, code in files.items()} for files in (before, after))
    trace = trace_of(old, blocks, extra)
    kept: dict[Digest, Mapping[str, Defined]] = {source.defined: source.definitions for source in old.values()}
    verifier = Verifier(lambda asked: digest_in(new, asked), Reach(new.get, kept.get))
    changes = list(verifier.changes(trace))
    assert (verifier.verify(trace) is None) == (not changes)
    if any(change.input.kind is not Kind.DEFINITIONS for change in changes):
        return None
    return {name for change in changes for name in change.names}
