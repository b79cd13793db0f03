"""The tally of runs in which nothing changed."""

from __future__ import annotations

from pathlib import Path

from testcache.storage import tally
from testcache.storage.tally import KEPT, count, forget, replayed


def test_runs_are_counted_in_order(tmp_path: Path) -> None:
    """What was counted comes back, oldest first."""
    wanted = [(float(number), number, 0.5) for number in range(3)]
    for run in wanted:
        count(tmp_path, run)
    assert replayed(tmp_path) == wanted


def test_it_does_not_grow_forever(tmp_path: Path) -> None:
    """Beyond twice the kept number the oldest go, and nothing else is left in the folder."""
    for number in range(2 * KEPT + 1):
        count(tmp_path, (float(number), 1, 1.0))
    assert len(replayed(tmp_path)) == KEPT + 1
    assert replayed(tmp_path)[-1][0] == 2 * KEPT
    assert len([*tmp_path.iterdir()]) == 1


def test_a_torn_end_is_left_out(tmp_path: Path) -> None:
    """Half a row at the end hides no whole one."""
    count(tmp_path, (1.0, 2, 3.0))
    with next(tmp_path.iterdir()).open("ab") as file:
        file.write(b"torn")
    assert replayed(tmp_path) == [(1.0, 2, 3.0)]


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    """Counting never breaks a run."""
    count(tmp_path / "gone", (1.0, 2, 3.0))
    assert replayed(tmp_path / "gone") == []
    forget(tmp_path / "gone")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Whoever can put a link into the folder cannot make a run write elsewhere."""
    count(tmp_path, (1.0, 2, 3.0))
    path = next(tmp_path.iterdir())
    path.unlink()
    target = tmp_path / "target"
    path.symlink_to(target)
    count(tmp_path, (1.0, 2, 3.0))
    assert not target.exists()


def test_forget_starts_anew(tmp_path: Path) -> None:
    """After clear the count begins at nothing."""
    count(tmp_path, (1.0, 2, 3.0))
    tally.forget(tmp_path)
    assert replayed(tmp_path) == []
