"""Texts out of bundles, fit to be printed: no control characters, no line ends, not too long."""

from __future__ import annotations

SHOWN_CHARS = 160


def printable(text: str) -> str:
    """The text without anything that could move the cursor or begin a command line of a CI."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:SHOWN_CHARS])
