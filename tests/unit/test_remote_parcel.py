"""Entries of the remote: each opens in its own place only, and nothing forged or damaged is ever taken in."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path

import pytest
from travel import ENVIRONMENT, KEY, NO_KEY, OTHER_KEY, close_all, contents, made, manifest

from testcache.errors import SettingError
from testcache.exchange.compression import Packer
from testcache.exchange.entry import Entry, Kind, seal
from testcache.exchange.keyring import Keyring
from testcache.exchange.refusals import Forged, Oversized, Refused, Replayed, Unsigned, Unverified
from testcache.model import Kind as InputKind
from testcache.model import Manifest
from testcache.remote.configuration import configured
from testcache.remote.parcel import Label, unwrap, wrap
from testcache.remote.salt import adopt
from testcache.remote.scope import Scopes, scopes
from testcache.settings import Remote, Settings
from testcache.storage.codec import decode_manifest
from testcache.storage.salts import foreign_salts, salt_id
from testcache.structs import replace

LABEL = Label("shop", "branch:main", ENVIRONMENT, "ab" * 32, "test_a.py")
MANIFEST = Manifest(manifest("test_a.py").traces)
SALT = "5a17" * 4
NOW_S = 2000.0
FORGERIES = 5000


def opened(data: bytes, label: Label = LABEL, keyring: Keyring = KEY, *, unverified: bool = False) -> Manifest:
    return unwrap(data, label, keyring, SALT, now_s=NOW_S, unverified=unverified)


@pytest.mark.parametrize("keyring", [KEY, NO_KEY])
def test_what_is_wrapped_opens(keyring: Keyring) -> None:
    """With a key and without; each wrapping has other bytes."""
    data = wrap(MANIFEST, LABEL, keyring, SALT)
    assert opened(data, keyring=keyring) == MANIFEST
    assert wrap(MANIFEST, LABEL, keyring, SALT) != data


@pytest.mark.parametrize(
    ("other", "keyring"),
    [
        (replace(LABEL, project="bank"), KEY),
        (replace(LABEL, scope="pull:7"), KEY),
        (replace(LABEL, strong="cd" * 32), KEY),
        (replace(LABEL, environment=bytes(16)), KEY),
        (replace(LABEL, path="test_b.py"), KEY),
        (replace(LABEL, environment=bytes(16)), NO_KEY),
        (replace(LABEL, path="test_b.py"), NO_KEY),
    ],
)
def test_it_opens_in_no_other_place(other: Label, keyring: Keyring) -> None:
    """Not for another project, branch, environment or file; without a key the first two rest on the name alone."""
    with pytest.raises(Refused):
        opened(wrap(MANIFEST, LABEL, keyring, SALT), other, keyring)


def test_who_signed_it_counts() -> None:
    """Another's key, no signature where there is a key, a signature where there is none."""
    with pytest.raises(Forged):
        opened(wrap(MANIFEST, LABEL, OTHER_KEY, SALT))
    with pytest.raises(Unsigned):
        opened(wrap(MANIFEST, LABEL, NO_KEY, SALT))
    with pytest.raises(Unverified):
        opened(wrap(MANIFEST, LABEL, KEY, SALT), keyring=NO_KEY)
    assert opened(wrap(MANIFEST, LABEL, KEY, SALT), keyring=NO_KEY, unverified=True) == MANIFEST
    both = Keyring((*OTHER_KEY.keys, *KEY.keys))
    assert opened(wrap(MANIFEST, LABEL, KEY, SALT), keyring=both) == MANIFEST


@pytest.mark.parametrize("keyring", [KEY, NO_KEY])
def test_forgeries_are_refused(keyring: Keyring) -> None:
    """Thousands of entries with bits flipped, parts cut, doubled, swapped or random: each is refused."""
    dice = random.Random(1)  # noqa: S311  # no secret hangs on it
    good = wrap(MANIFEST, LABEL, keyring, SALT)
    other = wrap(Manifest(manifest("test_b.py").traces), replace(LABEL, path="test_b.py"), keyring, SALT)
    first = 0 if keyring else 32  # without a key the place of the signature says nothing
    for number in range(FORGERIES):
        bad = bytearray(good)
        start, end = sorted(dice.randrange(first, len(bad) + 1) for _ in range(2))
        how = number % 6
        if how == 0:
            bad[dice.randrange(first, len(bad))] ^= 1 << dice.randrange(8)
        elif how == 1:
            bad = bad[: dice.randrange(len(bad))]
        elif how == 2:
            del bad[start : end + 1]
        elif how == 3:
            bad[start:start] = dice.randbytes(1 + dice.randrange(40))
        elif how == 4:
            bad = bad[:start] + other[start:]
        else:
            bad = bytearray(dice.randbytes(dice.randrange(2 * len(good))))
        if bytes(bad[first:]) != good[first:]:
            with pytest.raises(Refused):
                opened(bytes(bad), keyring=keyring)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    """As the whole entry, in an entry, in the place of the manifest, with a valid signature."""
    mark = tmp_path / "executed"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(mark),)

    bomb = pickle.dumps(Bomb())
    kind, environment, path = LABEL.about
    packer = Packer()
    packed = packer.pack(bomb) + packer.finish()
    for value in (bomb, SALT.encode() + bytes(8) + bomb, SALT.encode() + bytes(8) + packed):
        with pytest.raises(Refused):
            opened(seal(Entry(kind, environment, path, value), LABEL.context, KEY))
    with pytest.raises(Refused):
        opened(bomb)
    assert not mark.exists()


def test_a_genuine_entry_may_not_hold_what_no_run_records() -> None:
    """Results of another file, of the future, and what unpacks to too much, signed with the right key."""
    with pytest.raises(Refused, match="another test file"):
        opened(wrap(Manifest(manifest("test_b.py").traces), LABEL, KEY, SALT))
    with pytest.raises(Replayed):
        opened(wrap(Manifest(manifest("test_a.py", at=NOW_S + 1e6).traces), LABEL, KEY, SALT))
    packer = Packer()
    packed = b"".join(packer.pack(bytes(1 << 20)) for _ in range(65)) + packer.finish()
    value = SALT.encode() + bytes(8) + packed
    with pytest.raises(Oversized):
        opened(seal(Entry(Kind.MANIFEST, ENVIRONMENT, b"test_a.py", value), LABEL.context, KEY))


def test_variables_name_the_salt_unless_it_is_ours() -> None:
    """What is keyed with another salt can never match by accident."""
    data = wrap(MANIFEST, LABEL, KEY, "0" * 16)
    names = {r.input.name for ts in opened(data).traces.values() for t in ts for r in t.reads}
    assert f"HOME={'0' * 16}" in names
    assert "HOME" not in names


def test_a_store_that_joins_keeps_what_it_has(tmp_path: Path) -> None:
    """Its own salt becomes one of others, its variables name it, and joining again changes nothing."""
    store = made(tmp_path / "store")
    before, old = contents(store), store.salt
    adopt(store, KEY, "shop")
    assert store.salt == KEY.shared_salts("shop")[0] != old
    assert foreign_salts(store)[salt_id(old)] == old
    after = contents(store)
    assert after != before
    names = {r.input.name for v in after.values() for ts in decode_manifest(v).traces.values() for t in ts
             for r in t.reads if r.input.kind is InputKind.VARIABLE}  # fmt: skip
    assert names == {f"HOME={salt_id(old)}"}
    adopt(store, KEY, "shop")
    assert contents(store) == after
    adopt(store, Keyring((b"the key after a rotation", *KEY.keys)), "shop")
    assert salt_id(KEY.shared_salts("shop")[0]) in foreign_salts(store)
    close_all()


CI = {
    "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1", "GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "main",
    "GITHUB_REF": "refs/heads/main",
}  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "settings", "expected"),
    [
        (CI, {}, Scopes("branch:main", ("branch:main",))),
        (CI | {"GITHUB_REF_NAME": "next"}, {}, Scopes("branch:next", ("branch:next", "branch:main"))),
        (
            CI | {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_REF_NAME": "7/merge"},
            {},
            Scopes("pull:7", ("pull:7", "branch:main")),
        ),
        (
            CI | {"GITHUB_EVENT_NAME": "pull_request_target"},
            {},
            Scopes("pull:pull_request_target", ("pull:pull_request_target", "branch:main")),
        ),
        (CI | {"GITHUB_REF_TYPE": "tag"}, {}, Scopes("", ())),
        ({"GITLAB_CI": "true", "CI_JOB_ID": "3", "CI_MERGE_REQUEST_IID": "9"}, {},
         Scopes("pull:9", ("pull:9", "branch:main"))),
        (CI, {"mode": "read"}, Scopes("", ("branch:main",))),
        (CI, {"mode": "write"}, Scopes("branch:main", ())),
        (CI, {"mode": "off"}, Scopes("", ())),
        ({}, {"branch": "mine", "base": ("main", "stable")},
         Scopes("branch:mine", ("branch:mine", "branch:main", "branch:stable"))),
    ],
)  # fmt: skip
def test_whose_results_are_read_and_written(
    tmp_path: Path, environ: dict[str, str], settings: dict[str, object], expected: Scopes
) -> None:
    """A pull request reads the base and writes its own; a release neither."""
    remote = Remote(**{"mode": "read-write", **settings})  # type: ignore[arg-type]
    assert scopes(remote, tmp_path, environ) == expected


def test_outside_of_a_ci_git_says_the_branch(tmp_path: Path) -> None:
    """Also in a worktree; on no branch nothing is written, and without git it is the base."""
    remote = Remote(mode="read-write")
    assert scopes(remote, tmp_path, {}).own == "branch:main"
    git = tmp_path / "repository" / ".git"
    git.mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/topic/one\n")
    assert scopes(remote, git.parent, {}) == Scopes("branch:topic/one", ("branch:topic/one", "branch:main"))
    (git / "HEAD").write_text("0123456789abcdef\n")
    assert scopes(remote, git.parent, {}) == Scopes("", ("branch:main",))
    inner = git / "worktrees" / "w"
    inner.mkdir(parents=True)
    (inner / "HEAD").write_text("ref: refs/heads/other\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {inner}\n")
    assert scopes(remote, tree, {}).own == "branch:other"


def test_the_environment_overrides_address_and_mode() -> None:
    """Either, or both with a blank between; anything else is a usage error that does not repeat it."""
    settings = Settings(remote=Remote(url="file:///a", mode="write"))
    assert configured(settings, {}) == settings.remote
    assert configured(settings, {"TESTCACHE_REMOTE": "off"}) == Remote(url="file:///a", mode="off")
    both = configured(settings, {"TESTCACHE_REMOTE": "read-write redis://host 60s"})
    assert (both.url, both.mode, both.deadline) == ("redis://host", "read-write", 60)
    with pytest.raises(SettingError) as problem:
        configured(settings, {"TESTCACHE_REMOTE": "hunter2"})
    assert "hunter2" not in str(problem.value)


def test_no_two_fields_run_into_each_other() -> None:
    """Project "a" of branch "bc" is not project "ab" of branch "c"; each place has a name of its own."""
    places = [
        replace(LABEL, project="a", scope="bc"),
        replace(LABEL, project="ab", scope="c"),
        LABEL,
        replace(LABEL, scope="pull:7"),
        replace(LABEL, strong="cd" * 32),
        replace(LABEL, path="test_b.py"),
    ]
    assert len({place.key for place in places}) == len(places)
    assert len({place.context for place in places}) == len(places) - 1
