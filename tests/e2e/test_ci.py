"""`testcache ci`: keys, bundles that replace and join one another, and why a restored one is of no use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from checkout import Checkout
from travel import ENVIRONMENT, FACTS, fill, send

from testcache.exchange.outgoing import machine_of
from testcache.inputs import interpreter
from testcache.inputs.roots import Roots
from testcache.storage.history import Run, save_run
from testcache.storage.store import Store


@pytest.fixture
def shop(tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path / "shop", tmp_path / "home")
    checkout.path.mkdir()
    (checkout.path / "pyproject.toml").write_text('[project]\nname = "Shop"\n')
    (checkout.path / "test_one.py").write_text("import os\ndef test_one(): assert os.environ['HOME']\n")
    (checkout.path / "test_two.py").write_text("def test_two(): pass\n")
    return checkout


def bundles(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def facts_here(**other: str) -> dict[str, str]:
    return dict(interpreter.facts(Roots("/"))) | other


def lines(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_a_key_names_the_machine_and_the_locks(shop: Checkout) -> None:
    """Each older key to look for is a beginning of it, and another lock file gives another key."""
    jobs = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "5", "GITHUB_RUN_ATTEMPT": "1"}
    first = shop.testcache("ci", "key", "--prefix", "my tests", env=jobs)
    keys = [line.partition("=")[2] for line in first.splitlines() if "key=" in line]
    assert keys[0].startswith("my_tests-v1-")
    assert keys[0].endswith("-5-1")
    assert all(keys[0].startswith(key) and key.endswith("-") for key in keys[1:])
    assert len(keys) == 3
    (shop.path / "uv.lock").write_text("other")
    second = lines(shop.testcache("ci", "key", "--prefix", "my tests", env=jobs))
    assert not second["key"].startswith(keys[1])
    assert second["key"].startswith(keys[2])


def test_a_key_for_a_file(shop: Checkout) -> None:
    """What is the same in the next job goes into a file, for CIs that make keys of files."""
    shop.testcache("ci", "key", "--file", "key.txt", env={"CIRCLECI": "true", "CIRCLE_BUILD_NUM": "1"})
    first = (shop.path / "key.txt").read_text()
    shop.testcache("ci", "key", "--file", "key.txt", env={"CIRCLECI": "true", "CIRCLE_BUILD_NUM": "2"})
    assert (shop.path / "key.txt").read_text() == first


def test_a_newer_bundle_takes_the_place_of_those_it_contains(shop: Checkout) -> None:
    """One bundle a machine is left; saving the same again is nothing new; damaged ones go."""
    folder = shop.path / "kept"
    shop.pytest("test_one.py")
    assert "saved" in shop.testcache("ci", "save", "kept", "--mode", "write")
    (first,) = bundles(folder)
    assert "nothing new" in shop.testcache("ci", "save", "kept", "--mode", "write")
    (folder / "broken.testcache").write_bytes((folder / first).read_bytes()[:-5])
    assert "[bundle-partial]" in shop.testcache("ci", "restore", "kept")
    shop.pytest()
    shop.testcache("ci", "save", "kept", "--mode", "write")
    (second,) = bundles(folder)
    assert second != first


def test_restoring_never_fails(shop: Checkout) -> None:
    """No folder, nothing in it, a broken bundle, a store that cannot be used: a word, and 0."""
    assert "0 of 0 bundles" in shop.testcache("ci", "restore", "nowhere")
    (shop.path / "kept").mkdir()
    (shop.path / "kept" / "x.testcache").write_bytes(b"this is no bundle")
    assert "[bundle-damaged]" in shop.testcache("ci", "restore", "kept")
    store = shop.path / ".testcache" / "v1" / "cache.db"
    store.write_bytes(b"no store" * 1000)
    assert "[store-damaged]" in shop.testcache("ci", "restore", "kept")
    store.unlink()
    store.mkdir()
    assert "nothing is restored" in shop.testcache("ci", "restore", "kept")
    assert "2 run" in shop.pytest()


def test_a_release_restores_nothing(shop: Checkout, tmp_path: Path) -> None:
    """The recipes are the same for tags, on which everything has to run, whatever lies in the folder."""
    shop.pytest()
    shop.testcache("ci", "save", "kept", "--mode", "write")
    shop.testcache("clear")
    for env in ({"GITLAB_CI": "true", "CI_COMMIT_TAG": "v1"}, {"CIRCLECI": "true", "CIRCLE_TAG": "v1"}):
        assert "mode off (a release runs everything)" in shop.testcache("ci", "restore", "kept", env=env)
        assert "0 cached" in shop.pytest("--cached=read", env=env)
    assert "1 of 1 bundle taken in" in shop.testcache("ci", "restore", "kept", "--mode", "read", env=env)


def test_small_bundles_are_made_one(shop: Checkout, tmp_path: Path) -> None:
    """Bundles of the same machine are merged, others and refused ones stay; nothing is lost."""
    folder = shop.path / "kept"
    folder.mkdir()
    for number in range(5):
        with Store.open(tmp_path / f"store-{number}") as store:
            fill(store, files=number + 1, at=1000.0 + number)
            send(store, folder / f"{number}.testcache", project="shop")
    with Store.open(tmp_path / "elsewhere") as store:
        fill(store, files=1)
        run = Run(9.0, ENVIRONMENT.hex(), "on", "x", 0, 0, 0.0, 0.0, {}, {}, 0, 0, {}, [], {})
        save_run(store, run, {**FACTS, "platform": "plan9 mips"}, [])
        send(store, folder / "elsewhere.testcache", project="shop")
    (folder / "broken.testcache").write_bytes(b"")
    text = shop.testcache("ci", "compact", "kept")
    assert "7 bundles" in text
    assert "now 3" in text
    assert {"broken.testcache", "elsewhere.testcache"} < set(bundles(folder))
    (merged,) = set(bundles(folder)) - {"broken.testcache", "elsewhere.testcache"}
    again = shop.testcache("ci", "compact", "kept")
    assert "now 3" in again
    assert merged in bundles(folder)
    assert "15 tests" in shop.testcache("import", str(folder / merged))
    shop.testcache("ci", "compact", "kept", "--max-age", "1d")
    assert merged not in bundles(folder), "its results are from 1970"


def test_doctor_says_why_a_restored_bundle_is_of_no_use(shop: Checkout, tmp_path: Path) -> None:
    """Another Python, before any run and after one: on the screen with both values."""
    with Store.open(tmp_path / "other") as store:
        fill(store)
        run = Run(9.0, ENVIRONMENT.hex(), "on", "x", 0, 0, 0.0, 0.0, {}, {}, 0, 0, {}, [], {})
        save_run(store, run, facts_here(python="cpython 3.8.1 (old)"), [])
        send(store, tmp_path / "b.testcache", project="shop")
    shop.testcache("import", str(tmp_path / "b.testcache"))
    for _ in range(2):
        done = shop.do(shop.python, "-m", "testcache", "doctor")
        assert "nothing of it can be replayed here: p" in done.stdout, done.stdout
        assert "python: cpython 3.8.1 -> cpython" in done.stdout
        shop.pytest()


def test_restore_says_that_a_bundle_is_from_elsewhere(shop: Checkout, tmp_path: Path) -> None:
    """Bundles of other machines in a shared folder are left alone, by name."""
    with Store.open(tmp_path / "other") as store:
        fill(store)
        run = Run(9.0, ENVIRONMENT.hex(), "on", "x", 0, 0, 0.0, 0.0, {}, {}, 0, 0, {}, [], {})
        save_run(store, run, {**FACTS, "platform": "plan9 mips"}, [])
        (shop.path / "kept").mkdir()
        send(store, shop.path / "kept" / "b.testcache", project="shop")
    text = shop.testcache("ci", "restore", "kept")
    assert "[bundle-elsewhere]" in text
    assert "plan9 mips" in text
    assert machine_of(facts_here()) in text
    assert bundles(shop.path / "kept") == ["b.testcache"]


def test_a_summary_without_a_run(shop: Checkout) -> None:
    """A page in any case."""
    assert "No run was recorded" in shop.testcache("ci", "summary")


def test_a_summary_cannot_be_broken_out_of(shop: Checkout) -> None:
    """Names of tests are shown as they are, and end neither their cell nor their line."""
    (shop.path / "test_odd.py").write_text(
        "import pytest\n@pytest.mark.parametrize('x', ['a|b`c<img>'])\ndef test_odd(x): pass\n"
    )
    shop.pytest()
    page = shop.testcache("ci", "summary")
    (line,) = [line for line in page.splitlines() if "test_odd" in line]
    assert line.count("`") == 2
    assert "<img" not in line
    assert line.replace("\\|", "").count("|") == 4


def test_outputs_cannot_be_broken_out_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value with line ends stays one value."""
    from testcache.commands.ci import outputs

    monkeypatch.setitem(os.environ, "GITHUB_OUTPUT", str(tmp_path / "out"))
    outputs.put({"name": "a\nend\nmode=write"})
    text = (tmp_path / "out").read_text()
    delimiter = text.splitlines()[0].partition("<<")[2]
    assert text == f"name<<{delimiter}\na\nend\nmode=write\n{delimiter}\n"
