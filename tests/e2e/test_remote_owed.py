"""What a run could not give to the remote is given by a later one, as long as it still holds here."""

from __future__ import annotations

from pathlib import Path

from checkout import Checkout
from servers import Server
from sharing import FILES, PER_FILE, TOTAL, edited, made, pytested, ran_all, remote, replayed_all

CHANGE = ("test_1.py", "lib.twice(3) == 6", "lib.twice(3) == 5 + 1")
LIES = """
import ctypes
import os


def test_hidden():
    file = ctypes.CDLL(None).open({unseen!r}, 0)
    text = os.read(file, 1)
    os.close(file)
    assert text == b"1"
"""


class Away:
    """A shared folder that is not mounted, until it is."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.env = remote(Server(f"file://{place}/mount/cache"))

    def come(self, *checkouts: Checkout) -> None:
        """Mount it, a minute later."""
        (self._place / "mount").mkdir(exist_ok=True)
        for checkout in checkouts:
            (checkout.path / ".testcache" / "outage").unlink(missing_ok=True)

    def go(self) -> None:
        (self._place / "mount").rename(self._place / "elsewhere")

    def come_back(self, *checkouts: Checkout) -> None:
        (self._place / "elsewhere").rename(self._place / "mount")
        self.come(*checkouts)


def test_what_was_recorded_while_it_was_away_is_given_later(tmp_path: Path) -> None:
    """All of it, by a run that records one test, also what was recorded while nothing was asked; then no more."""
    away, checkout = Away(tmp_path), made(tmp_path / "a")
    assert pytested(checkout, env=away.env).warnings == ["remote-unreachable"]
    edited(checkout, *CHANGE)
    assert pytested(checkout, env=away.env).ran == 1  # within the minute
    doctor = checkout.do(checkout.python, "-m", "testcache", "doctor", env=away.env)
    assert f"results of {FILES} test files could not be given to it yet" in doctor.stdout
    away.come(checkout)
    edited(checkout, "test_2.py", "lib.twice(3) == 6", "lib.twice(3) == 4 + 2")
    run = pytested(checkout, "-v", env=away.env)
    assert (run.ran, run.warnings) == (1, [])
    assert f"{FILES} test files shared" in run.text
    assert replayed_all(pytested(made(tmp_path / "b"), env=away.env))
    assert replayed_all(pytested(edited(made(tmp_path / "c"), *CHANGE), env=away.env))
    edited(checkout, "test_2.py", "lib.twice(3) == 4 + 2", "lib.twice(3) == 3 + 3")
    assert "1 test file shared" in pytested(checkout, "-v", env=away.env).text


def test_a_run_that_has_nothing_of_its_own_gives_it_as_well(tmp_path: Path) -> None:
    """It must only have something to decide."""
    away, checkout = Away(tmp_path), made(tmp_path / "a")
    pytested(checkout, env=away.env)
    away.come(checkout)
    assert pytested(checkout, "test_1.py", env=away.env).ran == 0
    assert replayed_all(pytested(made(tmp_path / "b"), env=away.env))


def test_what_was_forgotten_meanwhile_is_not_given(tmp_path: Path) -> None:
    """Who clears a result has a reason, and everybody would get it back."""
    away, checkout = Away(tmp_path), made(tmp_path / "a")
    pytested(checkout, env=away.env)
    checkout.testcache("clear", "test_3.py")
    away.come(checkout)
    assert pytested(checkout, "test_1.py", env=away.env).ran == 0
    run = pytested(made(tmp_path / "b"), env=away.env)
    assert (run.cached, run.ran) == (TOTAL - PER_FILE, PER_FILE)


def test_another_branch_does_not_give_it(tmp_path: Path) -> None:
    """What belongs to one scope is given to that scope only."""
    away, checkout = Away(tmp_path), made(tmp_path / "a")
    pytested(checkout, env=away.env)
    away.come(checkout)
    settings = checkout.path / ".testcache.toml"
    settings.write_text('[remote]\nbranch = "topic"\n')
    pytested(checkout, "test_1.py", env=away.env)
    assert ran_all(pytested(made(tmp_path / "b"), env=away.env))


def test_that_a_result_lied_is_told_later(tmp_path: Path) -> None:
    """It was found out while the remote was away; afterwards nobody gets the lie."""
    unseen = tmp_path / "unseen"
    unseen.write_text("1")

    def checkout(name: str) -> Checkout:
        checkout = made(tmp_path / name)
        (checkout.path / "test_0.py").write_text(LIES.format(unseen=str(unseen).encode()))
        return checkout

    away = Away(tmp_path)
    away.come()
    first = checkout("a")
    assert pytested(first, env=away.env).exit == 0
    away.go()
    unseen.write_text("2")
    assert "[wrong-hit]" in pytested(first, "--cached=verify", env=away.env).text
    away.come_back(first)
    assert pytested(first, "test_1.py", env=away.env).ran == 0
    run = pytested(checkout("b"), env=away.env)
    assert (run.exit, run.ran) == (1, 1)
