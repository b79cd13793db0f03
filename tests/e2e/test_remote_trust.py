"""Nobody plants a result: not without the key, not from a pull request, not in another place."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from checkout import Checkout
from servers import Server, nginx
from sharing import FILES, KEY, PER_FILE, edited, made, pytested, ran_all, remote, replayed_all

from testcache.remote.directory import key_of


def test_forged_damaged_and_moved_entries_are_refused(shared: Server, tmp_path: Path) -> None:
    """Whoever can write the folder and has no key can plant nothing; their tests run, and are shared anew."""
    env = remote(shared, **KEY)
    pytested(made(tmp_path / "a"), env=env)
    other = key_of("shop", "branch:main")
    found = (tmp_path / "shared" / "cache").rglob("*")
    entries = sorted(path for path in found if len(path.name) == 64 and path.name != other)
    assert len(entries) == FILES
    good = [path.read_bytes() for path in entries]
    mark = tmp_path / "executed"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(mark),)

    bad = [good[0][:-1] + bytes([good[0][-1] ^ 1]), good[2], pickle.dumps(Bomb()), b""]  # the second was moved
    for path, data in zip(entries, bad, strict=True):
        path.write_bytes(data)
    run = pytested(made(tmp_path / "b"), env=env)
    assert ran_all(run)
    assert run.warnings == ["remote-refused"]
    assert not mark.exists()
    assert replayed_all(pytested(made(tmp_path / "c"), env=env))


def test_without_the_key_nothing_can_be_planted(shared: Server, tmp_path: Path) -> None:
    """Signed by another, or not at all: refused where there is a key; signed is refused where there is none."""
    pytested(made(tmp_path / "a"), env=remote(shared, TESTCACHE_KEY="the key of somebody else"))
    for number, key in enumerate((KEY, {})):
        run = pytested(made(tmp_path / f"b{number}"), env=remote(shared, "read", **key))
        assert ran_all(run)
        assert run.warnings == ["remote-refused"]


def test_the_key_can_be_rotated(shared: Server, tmp_path: Path) -> None:
    """With the old key beside the new one, what was signed before still replays, tests that read variables, too."""
    pytested(made(tmp_path / "a"), env=remote(shared, **KEY))
    env = remote(shared, TESTCACHE_KEY="the key after a rotation", TESTCACHE_KEYS_OLD=KEY["TESTCACHE_KEY"])
    assert replayed_all(pytested(made(tmp_path / "b"), env=env))


def ci(event: str, reference: str) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1", "GITHUB_EVENT_NAME": event, "GITHUB_REF": reference,
        "GITHUB_REF_NAME": reference.removeprefix("refs/heads/").removeprefix("refs/"),
    }  # fmt: skip


def test_a_pull_request_reads_the_base_and_keeps_its_own_to_itself(shared: Server, tmp_path: Path) -> None:
    """What main recorded is replayed in it; what it recorded is replayed in it only."""
    main, pull, next_pull = (
        remote(shared) | place
        for place in (
            ci("push", "refs/heads/main"),
            ci("pull_request", "refs/pull/7/merge"),
            ci("pull_request", "refs/pull/8/merge"),
        )
    )
    pytested(made(tmp_path / "a"), env=main)
    for number, (env, ran) in enumerate(((pull, PER_FILE), (pull, 0), (next_pull, PER_FILE), (main, PER_FILE))):
        checkout = edited(made(tmp_path / f"b{number}"), "test_1.py", "import lib\n", "import lib\nNEW = 1\n")
        assert pytested(checkout, env=env).ran == ran


def test_who_may_only_read_writes_nothing(tmp_path: Path) -> None:
    """Reading is the default."""
    with nginx(tmp_path / "nginx") as server:
        checkout = made(tmp_path / "a")
        (checkout.path / ".testcache.toml").write_text(f'[remote]\nurl = "{server.url}"\n')
        run = pytested(checkout, env={})
        assert ran_all(run)
        assert not run.warnings
        assert not [path for path in (tmp_path / "nginx" / "data").rglob("*") if path.is_file()]


def test_a_result_that_lied_is_taken_back(shared: Server, tmp_path: Path) -> None:
    """A check that finds a shared result to be wrong removes it for everybody."""
    unseen = tmp_path / "unseen"
    unseen.write_text("1")
    code = (
        "import ctypes\nimport os\n\n\ndef test_hidden():\n"
        f"    file = ctypes.CDLL(None).open({str(unseen).encode()!r}, 0)\n"
        "    text = os.read(file, 1)\n    os.close(file)\n    assert text == b'1'\n"
    )

    def checkout(name: str) -> Checkout:
        checkout = made(tmp_path / name)
        (checkout.path / "test_0.py").write_text(code)
        return checkout

    env = remote(shared)
    assert pytested(checkout("a"), env=env).exit == 0
    assert pytested(checkout("b"), env=env).ran == 0
    unseen.write_text("2")
    assert "[wrong-hit]" in pytested(checkout("c"), "--cached=verify", env=env).text
    run = pytested(checkout("d"), env=env)
    assert (run.exit, run.ran) == (1, 1)
