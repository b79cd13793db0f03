"""What commands print: lines to standard output, bold where a person looks, columns that stand in line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence


def say(text: str = "") -> None:
    """Print one line; characters that the terminal cannot show are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def bold(text: str) -> str:
    """Make a heading stand out on a terminal; plain text elsewhere and under NO_COLOR."""
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
        return f"\x1b[1m{text}\x1b[0m"
    return text


def columns(rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()) -> Iterable[str]:
    """Yield rows as lines, two blanks between columns; the columns numbered in `right` end in line."""
    table = [list(row) for row in rows]
    count = max(map(len, table), default=0)
    widths = [max((len(row[i]) for row in table if i < len(row)), default=0) for i in range(count)]
    for row in table:
        cells = [cell.rjust(widths[i]) if i in right else cell.ljust(widths[i]) for i, cell in enumerate(row)]
        yield "  ".join(cells).rstrip()
