"""docs/scale.md is what its script writes, and the script assumes the bytes that real runs send."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
sys.path.append(str(REPOSITORY / "scripts"))
script = importlib.import_module("simulate_scale")
PAGE = (REPOSITORY / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_page_was_written_by_the_script_as_it_is() -> None:
    """A change of the script means: run it again, and the page has its tables."""
    first, last = script.marks()
    assert first in PAGE, "run scripts/simulate_scale.py"
    assert PAGE.index(first) < PAGE.index(last)


def test_the_first_day_comes_out_the_same() -> None:
    """Chance is seeded: on every machine and Python the first of the 35 days is the one on the page."""
    assert script.growth(1, next(script.simulated())) in PAGE


def test_entries_take_the_bytes_that_are_assumed() -> None:
    """Real runs with a shared folder: entries with one result a test, and with two, are about as long as the constants.

    What is installed beside testcache makes them a sixth longer or shorter.
    """
    assert script.measured(2) == pytest.approx(script.ENTRY_BYTES[:2], rel=0.25)
