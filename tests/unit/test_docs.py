"""The written pages say what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from testcache.advice import ADVICE, GROUPS
from testcache.model import Kind
from testcache.reasons import Group, Reason
from testcache.reference import reasons_page, settings_file, settings_page
from testcache.schema import Place, checked
from testcache.session.marker import KEYS
from testcache.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("name", "page"), [("reasons.md", reasons_page()), ("settings.md", settings_page())])
def test_a_written_page_is_current(name: str, page: str) -> None:
    """The pages in docs/ are what scripts/write-docs.py would write now."""
    assert (DOCS / name).read_text(encoding="utf-8") == page


def test_every_reason_has_an_anchor_and_every_anchor_a_reason() -> None:
    """`docs/reasons.md#SLUG` exists for each reason, and for nothing else."""
    anchors = re.findall(r"^### (.+)$", (DOCS / "reasons.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(anchors) == sorted(reason.slug for reason in Reason)


def test_there_is_advice_for_every_reason_and_group() -> None:
    """Nobody who looks a reason up finds nothing."""
    assert set(ADVICE) == set(Reason)
    assert set(GROUPS) == set(Group)


def test_the_settings_file_is_all_comments() -> None:
    """What `testcache init` writes changes nothing."""
    assert tomllib.loads(settings_file()) == {}


def test_every_line_of_the_settings_file_can_be_uncommented() -> None:
    """With the # removed, each key is understood and has its default."""
    text = re.sub(r"^#(?! )", "", settings_file(), flags=re.MULTILINE)
    assert checked(Settings, tomllib.loads(text), Place("x")) == Settings()
    assert text.count(" = ") >= 14


def test_every_kind_of_input_is_explained() -> None:
    """docs/inputs.md has one row for each kind of input, and for nothing else."""
    page = (DOCS / "inputs.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == sorted(kind.name.lower() for kind in Kind)


def test_every_declaration_in_the_page_is_one() -> None:
    """docs/inputs.md names the keys that the marker takes."""
    page = (DOCS / "inputs.md").read_text(encoding="utf-8")
    written = re.search(r"testcache\(([^)]*)\)", page)
    assert written is not None
    assert sorted(re.findall(r"(\w+)=", written[1])) == sorted(KEYS)
