"""Damaged stores: whatever happened to the file, nothing but StoreError comes out, and no wrong value."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from testcache.errors import StoreDamaged, StoreError
from testcache.storage.store import Store

CASES = int(os.environ.get("TESTCACHE_FUZZ", "60"))
BATCH = 20
SPACE = "manifest"
PAGE = 4096


def contents() -> dict[bytes, bytes]:
    """Values of all sizes that matter to SQLite: in the page, just over, and over many pages."""
    chance = random.Random(1)  # noqa: S311
    sizes = [0, 1, 17, 300, 900, 4000, 4096, 9000, 40000]
    return {b"test_%d.py" % i: chance.randbytes(sizes[i % len(sizes)]) for i in range(90)}


EXPECTED = contents()
NEW = {key: value + b"new" for key, value in EXPECTED.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two whole stores to copy: one at rest, one whose last writes are still in the write-ahead log."""
    base = tmp_path_factory.mktemp("whole")
    for name in ("at_rest", "with_log"):
        store = Store.open(base / name)
        half = len(EXPECTED) // 2
        store.put_many((SPACE, key, value) for key, value in list(EXPECTED.items())[:half])
        if name == "with_log":
            store.close()
            store = Store.open(base / name)
        store.put_many((SPACE, key, value) for key, value in list(EXPECTED.items())[half:])
        if name == "with_log":
            shutil.copytree(base / name, base / "copied_while_open")
        store.close()
    shutil.rmtree(base / "with_log")
    return base


def flip_bits(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.choice([1, 1, 2, 10, 300])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def flip_near_the_start(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.choice([1, 3, 20])):
        data[chance.randrange(min(len(data), 3 * PAGE))] = chance.randrange(256)


def truncate(chance: random.Random, data: bytearray) -> None:
    del data[chance.choice([0, 1, 100, chance.randrange(len(data)), len(data) // PAGE * PAGE - PAGE]) :]


def zero_pages(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.choice([1, 2, 8])):
        start = chance.randrange(0, len(data), PAGE)
        data[start : start + PAGE] = bytes(len(data[start : start + PAGE]))


def swap_pages(chance: random.Random, data: bytearray) -> None:
    first, second = (PAGE * chance.randrange(len(data) // PAGE) for _ in range(2))
    data[first : first + PAGE], data[second : second + PAGE] = (
        data[second : second + PAGE],
        data[first : first + PAGE],
    )


def write_garbage(chance: random.Random, data: bytearray) -> None:
    start = chance.randrange(len(data))
    data[start:] = chance.randbytes(len(data) - start)


def append_garbage(chance: random.Random, data: bytearray) -> None:
    data += chance.randbytes(chance.choice([1, PAGE, 3 * PAGE]))


def damage_a_cell(chance: random.Random, data: bytearray) -> None:
    """Change bytes right before a stored key: the row's header, its lengths and its neighbours."""
    at = data.find(SPACE.encode(), chance.randrange(len(data)))
    if at > 0:
        data[max(0, at - chance.randrange(1, 20))] = chance.randrange(256)


DAMAGES: list[Callable[[random.Random, bytearray], None]] = [
    flip_bits,
    flip_near_the_start,
    truncate,
    zero_pages,
    swap_pages,
    write_garbage,
    append_garbage,
    damage_a_cell,
]


def damage(folder: Path, chance: random.Random) -> str:
    files = sorted((folder / "v1").glob("cache.db*"))
    victim = chance.choice(files)
    data = bytearray(victim.read_bytes())
    if not data:
        return "nothing"
    how = chance.choice(DAMAGES)
    how(chance, data)
    victim.write_bytes(data)
    return f"{how.__name__} of {victim.name}"


def read_everything(store: Store) -> None:
    for key in list(store.keys(SPACE))[:200]:
        store.get(SPACE, key)
    for key in list(EXPECTED)[::7]:
        assert store.get(SPACE, key) in (None, EXPECTED[key], NEW[key])
    for key, value in store.get_many(SPACE, EXPECTED).items():
        assert value in (EXPECTED[key], NEW[key])
    store.volume()


def use(folder: Path, now: float) -> int:
    """Do with a damaged store what runs do; return how many steps ended in a StoreError."""
    refused = 0
    with Store.open(folder, wait_s=0.5) as store:
        steps: list[Callable[[], object]] = [
            lambda: read_everything(store),
            lambda: store.put_many((SPACE, key, NEW[key]) for key in list(NEW)[::3]),
            lambda: store.update(SPACE, b"test_1.py", lambda old: NEW[b"test_1.py"]),
            lambda: store.delete(SPACE, list(EXPECTED)[::11]),
            lambda: read_everything(store),
            lambda: store.prune(max_bytes=100_000, max_age_s=None, now=now),
            lambda: read_everything(store),
        ]
        for step in steps:
            try:
                step()
            except StoreError:
                refused += 1
    return refused


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_a_damaged_store_gives_its_values_or_nothing(whole: Path, tmp_path: Path, first: int) -> None:
    """Opening, reading and writing raise StoreError at most; what is read is what was stored; clear heals."""
    for case in range(first, min(first + BATCH, CASES)):
        chance = random.Random(case)  # noqa: S311
        folder = tmp_path / str(case)
        shutil.copytree(whole / chance.choice(["at_rest", "copied_while_open"]), folder)
        what = damage(folder, chance)
        try:
            with contextlib.suppress(StoreError):
                use(folder, now=2e9)
            Store.clear_folder(folder)
            with Store.open(folder) as store:
                assert list(store.keys(SPACE)) == []
                store.put_many((SPACE, key, value) for key, value in EXPECTED.items())
                assert store.get_many(SPACE, EXPECTED) == EXPECTED
        except Exception as error:
            error.add_note(f"case {case}: {what}")
            raise
        shutil.rmtree(folder)


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_a_damaged_store_is_set_aside_by_who_writes(whole: Path, tmp_path: Path, first: int) -> None:
    """Whenever the damage is found, what is stored then is there; only what looks foreign is refused."""
    refused = []
    for case in range(first, min(first + BATCH, CASES)):
        chance = random.Random(case)  # noqa: S311
        folder = tmp_path / str(case)
        shutil.copytree(whole / chance.choice(["at_rest", "copied_while_open"]), folder)
        what = damage(folder, chance)
        try:
            store, _ = Store.open_or_renew(folder, wait_s=0.5)
        except StoreError as error:
            refused.append((str(error), case, what))
            continue
        with store:
            try:
                store.put_many((SPACE, key, value) for key, value in NEW.items())
            except StoreDamaged as problem:
                store.renew(problem)
                store.put_many((SPACE, key, value) for key, value in NEW.items())
                assert store.get_many(SPACE, NEW) == NEW, (case, what)
            assert all(value == NEW[key] for key, value in store.get_many(SPACE, NEW).items()), (case, what)
        shutil.rmtree(folder)
    assert [one for one in refused if "holds" not in one[0] and "not made by testcache" not in one[0]] == []
