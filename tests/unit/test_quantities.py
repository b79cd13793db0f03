"""Sizes, durations and audits as people write them, and what patterns cover."""

from __future__ import annotations

import pytest

from testcache.quantities import Audit, Duration, PathPattern, Size, TestPattern


@pytest.mark.parametrize(("text", "size"), [("1KiB", 1024), ("3 MiB", 3 << 20), ("5GiB", 5 << 30)])
def test_sizes_are_bytes(text: str, size: int) -> None:
    """A size is a whole number of bytes."""
    assert Size.parse(text) == size


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("5m", 300), ("2h", 7200), ("30d", 2592000), ("1w", 604800)])
def test_durations_are_seconds(text: str, seconds: int) -> None:
    """A duration is a whole number of seconds."""
    assert Duration.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "GiB", "1.5GiB", "5gib", "5GB", "-1GiB", "9999999999GiB", 7])
def test_other_sizes_are_refused(text: object) -> None:
    """Anything that is not a number and a known unit is refused, not guessed."""
    with pytest.raises(ValueError, match="whole number"):
        Size.parse(text)


def test_an_audit_is_a_share_or_seconds_or_none() -> None:
    """The three written forms of an audit."""
    assert Audit.parse("0.5%") == Audit(share=0.005)
    assert Audit.parse("100%") == Audit(share=1.0)
    assert Audit.parse("2m") == Audit(seconds=120)
    assert Audit.parse("") == Audit()


@pytest.mark.parametrize("text", ["0%", "100.1%", "%", "2 %", "five", 3, None])
def test_other_audits_are_refused(text: object) -> None:
    """An audit of nothing, of more than all or of neither kind is refused."""
    with pytest.raises(ValueError, match=r"share|whole number"):
        Audit.parse(text)


@pytest.mark.parametrize(
    ("pattern", "nodeid"),
    [
        ("tests", "tests/test_a.py::test_x"),
        ("tests/", "tests/test_a.py::test_x"),
        ("tests/test_a.py", "tests/test_a.py::test_x"),
        ("tests/test_a.py::TestA", "tests/test_a.py::TestA::test_x[1]"),
        ("tests/test_a.py::test_x", "tests/test_a.py::test_x[a/b::c]"),
        ("tests/test_a.py::test_x[1]", "tests/test_a.py::test_x[1]"),
        ("*::test_x", "tests/deep/test_a.py::test_x"),
        ("tests/**/test_a.py", "tests/deep/test_a.py::test_x"),
        ("tests/test_?.py", "tests/test_a.py::test_x"),
        ("*slow*", "tests/test_a.py::test_slow[\n]"),
    ],
)
def test_a_test_pattern_covers(pattern: str, nodeid: str) -> None:
    """A pattern names tests, or the file, class or folder that holds them."""
    assert TestPattern.parse(pattern).covers(nodeid)


@pytest.mark.parametrize(
    ("pattern", "nodeid"),
    [
        ("test", "tests/test_a.py::test_x"),
        ("test_a.py", "tests/test_a.py::test_x"),
        ("tests/test_a.py::test_x", "tests/test_a.py::test_xy"),
        ("tests/test_a.py::test_x[1]", "tests/test_a.py::test_x[12]"),
        ("tests/test_.py", "tests/test_a.py::test_x"),
        ("a.b", "axb::t"),
    ],
)
def test_a_test_pattern_does_not_cover(pattern: str, nodeid: str) -> None:
    """Names end where a folder, file, class or test ends."""
    assert not TestPattern.parse(pattern).covers(nodeid)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("data", "data/a.json"),
        ("./data/", "data/deep/a.json"),
        ("data/*.json", "data/a.json"),
        ("data/**/*.json", "data/a.json"),
        ("data/**/*.json", "data/deep/deeper/a.json"),
        ("**/*.log", "a.log"),
        ("**", "a/b"),
        ("../shared/*.db", "../shared/a.db"),
        ("a[1].txt", "a[1].txt"),
    ],
)
def test_a_path_pattern_covers(pattern: str, path: str) -> None:
    """`*` stays within one name, `**` stands for any folders, a folder covers what is below."""
    assert PathPattern.parse(pattern).covers(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("data/*.json", "data/deep/a.json"),
        ("dat", "data/a.json"),
        ("*.log", "deep/a.log"),
        ("a?b", "a/b"),
        ("a[1].txt", "a1.txt"),
        ("/", "a"),
    ],
)
def test_a_path_pattern_does_not_cover(pattern: str, path: str) -> None:
    """An ignored path is one that was named: `*` does not reach into other folders."""
    assert not PathPattern.parse(pattern).covers(path)
