"""A remote that gives no hits: `testcache doctor` says on one screen what differs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from checkout import Checkout
from harness import HERE
from interpreters import of_another_version
from servers import Server
from sharing import KEY

from testcache.exchange.keyring import Keyring
from testcache.remote import directory
from testcache.structs import replace

PLACE = ("shop", "branch:main", Keyring.from_environment(KEY))
SCREEN_LINES = 24


def installed(place: Path, version: str) -> str:
    """A distribution in a site folder, and the search path that leads there."""
    site = place / "site-packages"
    for old in site.glob("rates-*/*"):
        old.unlink()
    info = site / f"rates-{version}.dist-info"
    info.mkdir(parents=True)
    (site / "rates.py").write_text(f"RATE = {version}\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rates\nVersion: {version}\n")
    (info / "RECORD").write_text(f"rates.py,sha256=of{version},1\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")
    return f"{HERE.parent}:{site}"


class Team:
    """Checkouts of one project that share a remote."""

    def __init__(self, place: Path, server: Server) -> None:
        self._place = place
        self.env = {"TESTCACHE_REMOTE": f"read-write {server.url}", **KEY, "PYTHONPATH": installed(place, "1")}

    def checkout(self, name: str) -> Checkout:
        checkout = Checkout(self._place / name / "work", self._place / name / "home")
        checkout.path.mkdir()
        (checkout.path / "pyproject.toml").write_text('[project]\nname = "shop"\n')
        (checkout.path / "test_shop.py").write_text("import rates\ndef test_rate(): assert rates.RATE\n")
        return checkout

    def doctor(self, checkout: Checkout, **env: str) -> str:
        """What doctor says of the remote."""
        done = checkout.do(checkout.python, "-m", "testcache", "doctor", env=self.env | env)
        lines = done.stdout.splitlines()
        assert len(lines) <= SCREEN_LINES, done.stdout
        begin = next(number for number, line in enumerate(lines) if line.startswith("remote"))
        return "\n".join(lines[begin:])


@pytest.fixture
def team(tmp_path: Path, shared: Server) -> Team:
    team = Team(tmp_path, shared)
    assert "1 run" in team.checkout("a").pytest(env=team.env)
    return team


def directory_of(place: Path) -> Path:
    key = directory.key_of(*PLACE[:2])
    return place / "shared" / "cache" / key[:2] / key


def test_where_all_is_as_it_was(team: Team) -> None:
    """Before and after a run that replays everything: nothing to do, and the environment is known there."""
    checkout = team.checkout("b")
    assert "1 environment known" in team.doctor(checkout)
    assert "1 cached" in checkout.pytest(env=team.env)
    text = team.doctor(checkout)
    assert "there are results of this environment, for branch:main" in text
    assert "!!" not in text


def test_another_python(team: Team) -> None:
    """Both versions are named, before any run."""
    checkout = team.checkout("b")
    checkout.python = of_another_version()
    text = team.doctor(checkout)
    assert "!! nothing was recorded where all is as it is here" in text
    assert re.search(r"python: cpython 3\.\d+\.\d+ -> cpython 3\.\d+\.\d+", text)


def test_another_platform(team: Team, tmp_path: Path) -> None:
    """An environment as another machine would have written it."""
    file = directory_of(tmp_path)
    (known,) = directory.opened(file.read_bytes(), *PLACE, unverified=False)
    elsewhere = replace(known, environment="f" * 32, facts={**known.facts, "platform": "plan9 \x1b[2Jmips"})
    parcel = directory.joined([], elsewhere, *PLACE)
    assert parcel is not None
    file.write_bytes(parcel)
    text = team.doctor(team.checkout("b"))
    assert "platform: plan9 ?[2Jmips -> linux" in text  # what comes from elsewhere moves no cursor


def test_other_options(team: Team) -> None:
    """The option is named; its value is not, as it may be a secret."""
    checkout = team.checkout("b")
    assert "0 cached, 1 run" in checkout.pytest("-W", "error", env=team.env | {"TESTCACHE_REMOTE": read_only(team.env)})
    text = team.doctor(checkout)
    assert "!! nothing was recorded where all is as it is here" in text
    assert "option pythonwarnings: " in text


def test_another_lock_file(team: Team, tmp_path: Path) -> None:
    """The distribution is named that made the tests run, also though the run has recorded them anew."""
    installed(tmp_path, "2")
    checkout = team.checkout("b")
    assert "0 cached, 1 run (1 changed)" in checkout.pytest(env=team.env)
    text = team.doctor(checkout)
    assert "none was replayed in the last run: other installed distribution rates (1 test)" in text


def test_what_cannot_be_read(team: Team) -> None:
    """Without the key, without the server, or where nobody has written, it says that."""
    checkout = team.checkout("b")
    nobody = team.env["TESTCACHE_REMOTE"] + "/nobody"
    assert "nothing was recorded for that yet" in team.doctor(checkout, TESTCACHE_REMOTE=nobody)
    assert "TESTCACHE_KEY is not set to check it [remote-refused]" in team.doctor(checkout, TESTCACHE_KEY="")
    assert "[remote-unreachable]" in team.doctor(checkout, TESTCACHE_REMOTE="read redis://127.0.0.1:1/0")
    assert "[setting-value]" in team.doctor(checkout, TESTCACHE_REMOTE="read ftp://127.0.0.1/x")


def read_only(env: Mapping[str, str]) -> str:
    return env["TESTCACHE_REMOTE"].replace("read-write", "read")
