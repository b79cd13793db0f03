"""Fingerprints of pieces of code, and what differs between two of them."""

from __future__ import annotations

import textwrap

from testcache.code.source import Source, parse


def read(code: str, *, collected: bool = False) -> Source:
    """Fingerprint a piece of code that parses."""
    source = parse(textwrap.dedent(code).encode("utf-8", "surrogatepass"), collected=collected)
    assert source.parsed
    return source


def changed(before: str, after: str, *, collected: bool = False) -> set[str]:
    """The names of all fingerprints that differ; "" is the body, "=X" the definition X.

    The whole of a test file is left out.
    """
    assert before != after
    old, new = (read(code, collected=collected) for code in (before, after))
    left, right = _fingerprints(old), _fingerprints(new)
    return {name for name in left.keys() | right.keys() if left.get(name) != right.get(name)} - {"*"}


def _fingerprints(source: Source) -> dict[str, object]:
    found = {f"={name}": defined for name, defined in source.definitions.items()}
    return {"": source.body, **source.blocks, **found}


def is_separable(code: str, block: str) -> bool:
    """Does the block leave no trace in the body? Adding a decorator to an ordinary one changes the body."""
    source = read(code, collected=True)
    name = block.rpartition(".")[2]
    code = textwrap.dedent(code)
    lines = code.splitlines(keepends=True)
    (start,) = (number for number, line in enumerate(lines) if f"def {name}(" in line)
    while lines[start].strip() and lines[start - 1].strip().startswith("@"):
        start -= 1
    indent = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
    # outermost, so that what else decorates it stays as it is
    lines.insert(start, f"{indent}@pytest.mark.extra\n")
    after = read("".join(lines), collected=True)
    owner = block.rpartition(".")[0]
    common = after.blocks.get(owner) == source.blocks.get(owner) if owner else True
    return after.body == source.body and common and after.blocks.get(block) != source.blocks.get(block)
