"""A result that was recorded anywhere is a hit everywhere it is valid: another path, home, user, clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import Checkout, commit
from interpreters import NOBODY, for_every_user, of_another_version

FILES = {
    "pyproject.toml": '[project]\nname = "shop"\n',
    "conftest.py": """
import pytest
@pytest.fixture(scope="session")
def rates():
    with open("data/rates.txt") as file:
        return [int(line) for line in file]
""",
    "shop/__init__.py": "",
    "shop/prices.py": "RATE = 3\ndef price(count): return count * RATE\ndef other(count): return -count\n",
    "data/rates.txt": "1\n2\n",
    "tests/test_prices.py": """
import os, subprocess, sys
from pathlib import Path
import pytest
from shop import prices

def test_price(): assert prices.price(2) == 6
@pytest.mark.parametrize("count", [1, 2, 3])
def test_other(count): assert prices.other(count) == -count
def test_rates(rates): assert sum(rates) == 3
def test_home(): assert os.path.isdir(os.path.expanduser("~"))
def test_variable(): assert os.environ["SHOP_CURRENCY"] == "EUR"
def test_unset(): assert "SHOP_DEBUG" not in os.environ
def test_listing(): assert sorted(os.listdir("data")) == ["rates.txt"]
def test_absent(): assert not Path("data/override.txt").exists()
def test_written(tmp_path): (tmp_path / "x").write_text("1"); assert (tmp_path / "x").read_text()
def test_skipped(): pytest.skip("not here")
@pytest.mark.xfail(strict=True)
def test_expected(): assert prices.price(1) == 4
""",
}
COUNT = 13
ALL = f"testcache: {COUNT} tests: {COUNT} cached, 0 run"
KEYS = {"TESTCACHE_KEY": "the key of the team in these tests"}
ENV = {"SHOP_CURRENCY": "EUR"}


@pytest.fixture
def machine() -> Iterator[Path]:
    """A folder that every user of the machine may enter."""
    folder = Path(tempfile.mkdtemp(prefix="machine-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def recorded(machine: Path) -> Checkout:
    """A checkout whose tests were all recorded."""
    checkout = Checkout(machine / "a" / "work", machine / "a" / "home", env=dict(ENV))
    checkout.path.mkdir()
    commit(checkout, FILES)
    assert f"0 cached, {COUNT} run" in checkout.pytest()
    return checkout


def clone(source: Checkout, path: Path, home: Path, **more: object) -> Checkout:
    """A fresh clone elsewhere: other path, other home, new modification times."""
    fresh = Checkout(path, home, env=dict(ENV), **more)  # type: ignore[arg-type]
    fresh.path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "clone", "--quiet", "--no-local", source.path, fresh.path], check=True)
    for file in fresh.path.rglob("*"):
        if ".git" not in file.parts:
            os.utime(file, (1e9, 1e9))
    return fresh


def test_a_fresh_clone_hits_everything(recorded: Checkout, machine: Path) -> None:
    """Another folder, another home, other dates: every test is replayed, and a second run as well."""
    recorded.testcache("export", str(machine / "bundle"), env=KEYS)
    fresh = clone(recorded, machine / "b" / "deeper" / "place", machine / "b" / "me")
    assert "signature verified" in fresh.testcache("import", str(machine / "bundle"), env=KEYS)
    assert fresh.pytest().startswith(ALL)
    assert fresh.pytest().startswith(ALL)


def test_a_store_of_its_own_hits_as_well(recorded: Checkout, machine: Path) -> None:
    """A colleague who has recorded other things under another salt gets everything, and keeps the own."""
    recorded.testcache("export", str(machine / "bundle"))
    fresh = clone(recorded, machine / "b" / "work", machine / "b" / "home")
    (fresh.path / "tests/test_mine.py").write_text("import os\ndef test_mine(): assert os.environ['HOME']\n")
    assert "1 run" in fresh.pytest("tests/test_mine.py")
    fresh.testcache("import", str(machine / "bundle"))
    assert fresh.pytest().startswith(f"testcache: {COUNT + 1} tests: {COUNT + 1} cached, 0 run")


def test_another_value_of_a_variable_is_no_hit(recorded: Checkout, machine: Path) -> None:
    """What was recorded under one value is not replayed under another, only there."""
    recorded.testcache("export", str(machine / "bundle"), env=KEYS)
    fresh = clone(recorded, machine / "b" / "work", machine / "b" / "home")
    fresh.env["SHOP_CURRENCY"] = "SEK"
    fresh.testcache("import", str(machine / "bundle"), env=KEYS)
    assert f"{COUNT - 1} cached, 1 run" in fresh.pytest()


def test_another_branch_hits_what_it_shares(recorded: Checkout, machine: Path) -> None:
    """Only what depends on the branch's own edit runs."""
    recorded.testcache("export", str(machine / "bundle"))
    fresh = clone(recorded, machine / "b" / "work", machine / "b" / "home")
    fresh.git("checkout", "--quiet", "-b", "topic")
    commit(fresh, {"shop/prices.py": FILES["shop/prices.py"].replace("count * RATE", "RATE * count")})
    fresh.testcache("import", str(machine / "bundle"))
    assert f"{COUNT - 2} cached, 2 run (2 changed)" in fresh.pytest()


def test_a_refused_bundle_leaves_the_run_alone(recorded: Checkout, machine: Path) -> None:
    """The import says why and ends with 4; the tests run."""
    recorded.testcache("export", str(machine / "bundle"))
    fresh = clone(recorded, machine / "b" / "work", machine / "b" / "home")
    (machine / "bundle").write_bytes((machine / "bundle").read_bytes()[:-1])
    done = fresh.do(sys.executable, "-m", "testcache", "import", str(machine / "bundle"))
    assert (done.returncode, "[bundle-partial]" in done.stdout) == (4, True)
    assert f"0 cached, {COUNT} run" in fresh.pytest()
    done = fresh.do(sys.executable, "-m", "testcache", "doctor")
    assert "refused" in done.stdout
    assert "[bundle-partial]" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_hits_everything(machine: Path) -> None:
    """Under another user id, without any right of the first one, who cannot even read that one's store."""
    python, variables = for_every_user(machine / "python")
    source = Checkout(machine / "a" / "work", machine / "a" / "home", python=python, env=ENV | variables)
    source.path.mkdir()
    commit(source, FILES)
    assert f"0 cached, {COUNT} run" in source.pytest()
    source.testcache("export", str(machine / "bundle"))
    (machine / "bundle").chmod(0o644)
    fresh = clone(source, machine / "b" / "work", machine / "b" / "home", python=python, user=NOBODY)
    fresh.env |= variables
    for file in [machine / "b", *(machine / "b").rglob("*")]:
        os.chown(file, NOBODY, NOBODY)
    fresh.testcache("import", str(machine / "bundle"))
    assert (fresh.path / ".testcache").stat().st_uid == NOBODY
    assert fresh.pytest().startswith(ALL)
    peek = fresh.do("cat", str(source.path / ".testcache" / "v1" / "cache.db"))
    assert peek.returncode != 0


def test_two_pythons_share_a_folder_without_cross_talk(recorded: Checkout, machine: Path) -> None:
    """Round one: each runs all its own; round two, in fresh clones: each hits all its own."""
    other = of_another_version()
    shared = str(machine / "bundles")
    for round_number, expected in ((1, f"0 cached, {COUNT} run"), (2, f"{COUNT} cached, 0 run")):
        for python in (sys.executable, other):
            name = f"{round_number}-{Path(python).parents[1].name}"
            job = clone(recorded, machine / name / "work", machine / name / "home", python=python)
            job.testcache("ci", "restore", shared)
            assert expected in job.pytest(), (round_number, python)
            job.testcache("ci", "save", shared, "--mode", "write")
    assert len(list((machine / "bundles").glob("*.testcache"))) == 2
