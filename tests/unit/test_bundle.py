"""Bundles: what is whole and genuine is taken in, everything else is refused whole."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import travel
from travel import ENVIRONMENT, KEY, NO_KEY, OTHER_KEY, come, contents, made, put, send, trace

from testcache.errors import SettingError, StoreError
from testcache.exchange.arrivals import arrivals
from testcache.exchange.bundle import FORMAT, MAGIC
from testcache.exchange.keyring import Keyring
from testcache.exchange.limits import Limits
from testcache.exchange.outgoing import export
from testcache.inputs.roots import Roots
from testcache.inputs.variables import Variables
from testcache.model import ABSENT, Input, Kind, Manifest, NodeId, Read, Trace
from testcache.storage.history import facts_of, runs
from testcache.storage.journal import Journal
from testcache.storage.manifests import load_manifests
from testcache.storage.salts import foreign_salts, salt_id
from testcache.storage.store import META, SALT, Store
from testcache.structs import replace


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    travel.close_all()


@pytest.fixture
def here(tmp_path: Path) -> Store:
    return made(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Store:
    return travel.store(tmp_path / "there")


class TestTravelling:
    """What goes out comes in."""

    def test_a_fresh_store_gets_the_very_same_manifests(self, here: Store, there: Store, tmp_path: Path) -> None:
        """Byte for byte, as it takes over the salt that the variables are keyed with."""
        send(here, tmp_path / "b")
        arrival = come(there, tmp_path / "b")
        assert (arrival.slug, arrival.tests, arrival.traces) == ("", 9, 9)
        assert contents(there) == contents(here)
        assert there.salt == here.salt
        assert travel.store(there.folder).salt == here.salt

    def test_the_same_content_gives_the_same_bytes(self, here: Store, there: Store, tmp_path: Path) -> None:
        """Now and later, here and in the store that took it in, signed or not."""
        for keyring in (NO_KEY, KEY):
            send(here, tmp_path / "first", keyring=keyring)
            come(there, tmp_path / "first", keyring=keyring)
            time.sleep(0.01)
            send(here, tmp_path / "again", keyring=keyring)
            send(there, tmp_path / "back", keyring=keyring)
            first, again, back = ((tmp_path / name).read_bytes() for name in ("first", "again", "back"))
            assert first == again == back

    def test_importing_again_changes_nothing(self, here: Store, there: Store, tmp_path: Path) -> None:
        """A union with what is known already is what is known."""
        send(here, tmp_path / "b")
        assert come(there, tmp_path / "b").changed > 0
        before = contents(there)
        assert come(there, tmp_path / "b").changed == 0
        assert contents(there) == before

    def test_the_order_of_bundles_does_not_matter(self, here: Store, tmp_path: Path) -> None:
        """Two bundles from stores with different salts give the same traces in either order."""
        other = made(tmp_path / "other", at=2000.0)
        put(other, "test_only_there.py", travel.manifest("test_only_there.py"))
        send(here, tmp_path / "a")
        send(other, tmp_path / "b")
        results = []
        for order in ("ab", "ba"):
            store = made(tmp_path / order, files=1, at=500.0)
            store.put_many([(META, SALT, bytes(32))])
            store = travel.store(store.folder)
            for letter in order:
                assert come(store, tmp_path / letter).slug == ""
            assert set(foreign_salts(store)) == {salt_id(here.salt), salt_id(other.salt)}
            results.append(contents(store))
        assert results[0] == results[1]

    def test_only_asked_environments_travel(self, here: Store, there: Store, tmp_path: Path) -> None:
        """`--env-key` keeps the others at home."""
        other = bytes(16)
        travel.fill(here, environment=other)
        export(here, tmp_path / "b", project="shop", keyring=NO_KEY, wanted=lambda key: key == other)
        come(there, tmp_path / "b")
        assert {key[:16] for key in contents(there)} == {other}

    def test_commands_know_the_environment(self, here: Store, there: Store, tmp_path: Path) -> None:
        """The facts behind the key come along, but not digests that only the other store can make."""
        send(here, tmp_path / "b")
        come(there, tmp_path / "b")
        facts = facts_of(there, ENVIRONMENT)
        assert facts == {"python": "cpython 3.12.1 (main)", "platform": "linux x86_64"}
        assert [(run.mode, run.total, run.search) for run in runs(there)] == [("import", 0, ["."])]

    def test_journals_do_not_travel(self, here: Store, tmp_path: Path) -> None:
        """What a run has not yet stored is not in a bundle."""
        send(here, tmp_path / "before")
        journal = Journal.create(here.folder)
        journal.append(ENVIRONMENT + b"unfinished")
        send(here, tmp_path / "after")
        journal.close_and_remove()
        assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()

    def test_old_traces_can_stay_behind(self, here: Store, there: Store, tmp_path: Path) -> None:
        """A limit on age applies to each trace."""
        put(here, "test_new.py", travel.manifest("test_new.py", at=9000.0))
        export(here, tmp_path / "b", project="shop", keyring=NO_KEY, not_before_s=5000.0)
        come(there, tmp_path / "b")
        found = load_manifests(there, ENVIRONMENT, ["test_new.py", "test_0.py"])[0]
        assert len(found["test_new.py"].traces) == 3
        assert found["test_0.py"].traces == {}

    def test_a_file_that_cannot_be_written_is_a_store_error(self, here: Store, tmp_path: Path) -> None:
        """Nothing half is left where it should have been."""
        (tmp_path / "taken").write_text("")
        with pytest.raises(StoreError, match="cannot be written"):
            send(here, tmp_path / "taken" / "b")


class TestSalts:
    """Variables recorded elsewhere match if, and only if, the value is the same."""

    def digest(self, store: Store, name: str, value: str) -> bytes:
        variables = Variables({"HOME": value}, Roots("/nowhere"), store.salt, foreign_salts(store))
        return variables.fingerprint(name)

    def reads(self, store: Store) -> set[Read]:
        manifest = load_manifests(store, ENVIRONMENT, ["test_v.py"])[0]["test_v.py"]
        return {read for traces in manifest.traces.values() for t in traces for read in t.reads}

    def record(self, store: Store, value: str) -> None:
        read = Read(
            Input(Kind.VARIABLE, "HOME"),
            Variables({"HOME": value}, Roots("/nowhere"), store.salt).fingerprint("HOME"),
        )
        put(store, "test_v.py", Manifest({NodeId("test_v.py::test"): [trace(parts=(frozenset({read}),))]}))

    @pytest.mark.parametrize("keyring", [NO_KEY, KEY])
    def test_a_store_with_results_keeps_both_salts(self, here: Store, tmp_path: Path, keyring: Keyring) -> None:
        """The same value hits, another one misses, and its own traces hold as before."""
        self.record(here, "/x")
        there = made(tmp_path / "there")
        own = there.salt
        send(here, tmp_path / "b", keyring=keyring)
        come(there, tmp_path / "b", keyring=keyring)
        assert there.salt == own
        (read,) = self.reads(there)
        assert read.input.name == f"HOME={salt_id(here.salt)}"
        assert self.digest(there, read.input.name, "/x") == read.digest
        assert self.digest(there, read.input.name, "/y") != read.digest

    def test_an_unknown_salt_never_matches(self, here: Store, tmp_path: Path) -> None:
        """Whoever has no key cannot read the salt: the test runs, the rest of the bundle is of use."""
        self.record(here, "/x")
        send(here, tmp_path / "b", keyring=KEY)
        there = made(tmp_path / "there")
        assert come(there, tmp_path / "b", unverified=True).slug == ""
        assert foreign_salts(there) == {}
        (read,) = self.reads(there)
        assert self.digest(there, read.input.name, "/x") != read.digest

    def test_a_signed_bundle_does_not_show_its_salts(self, here: Store, tmp_path: Path) -> None:
        """They would let its reader guess the values of variables; without a key they must be readable."""
        send(here, tmp_path / "open")
        send(here, tmp_path / "signed", keyring=KEY)
        assert here.salt in (tmp_path / "open").read_bytes()
        assert here.salt not in (tmp_path / "signed").read_bytes()

    def test_a_salt_travels_on(self, here: Store, tmp_path: Path) -> None:
        """Through a store that is keyed otherwise, and under a newer key, it still matches at the end."""
        self.record(here, "/x")
        send(here, tmp_path / "first", keyring=KEY)
        middle, end = made(tmp_path / "middle"), made(tmp_path / "end")
        rotated = Keyring((OTHER_KEY.keys[0], KEY.keys[0]))
        come(middle, tmp_path / "first", keyring=rotated)
        send(middle, tmp_path / "second", keyring=rotated)
        assert come(end, tmp_path / "second", keyring=OTHER_KEY).slug == ""
        (read,) = self.reads(end)
        assert self.digest(end, read.input.name, "/x") == read.digest

    def test_an_unset_variable_needs_no_salt(self, here: Store, tmp_path: Path) -> None:
        """That something was not set holds everywhere."""
        read = Read(Input(Kind.VARIABLE, "CI"), ABSENT)
        put(here, "test_v.py", Manifest({NodeId("test_v.py::test"): [trace(parts=(frozenset({read}),))]}))
        there = made(tmp_path / "there")
        send(here, tmp_path / "b")
        come(there, tmp_path / "b")
        assert self.reads(there) == {read}


class TestRefusing:
    """A refused bundle leaves the store as it was, and says why."""

    @pytest.fixture
    def bundle(self, here: Store, tmp_path: Path) -> Path:
        send(here, tmp_path / "b", keyring=KEY)
        return tmp_path / "b"

    def refused(self, there: Store, file: Path, slug: str, **how: object) -> str:
        before = contents(there), there.salt, facts_of(there, ENVIRONMENT), runs(there)
        arrival = come(there, file, **{"keyring": KEY, **how})  # type: ignore[arg-type]
        assert arrival.slug == slug, arrival
        assert (contents(there), there.salt, facts_of(there, ENVIRONMENT), runs(there)) == before
        assert arrivals(there)[-1] == arrival
        return arrival.why

    def test_nothing_there(self, there: Store, tmp_path: Path) -> None:
        """No file, a folder, and a FIFO that nobody writes to."""
        self.refused(there, tmp_path / "no", "bundle-unreadable")
        self.refused(there, tmp_path, "bundle-unreadable")
        os.mkfifo(tmp_path / "fifo")
        self.refused(there, tmp_path / "fifo", "bundle-unreadable")

    def test_partial(self, there: Store, bundle: Path, tmp_path: Path) -> None:
        """Cut off anywhere."""
        data = bundle.read_bytes()
        for end in [0, 1, 13, 14, 100, len(data) // 2, len(data) - 33, len(data) - 32, len(data) - 1]:
            (tmp_path / "cut").write_bytes(data[:end])
            self.refused(there, tmp_path / "cut", "bundle-partial")

    def test_damaged(self, there: Store, bundle: Path, tmp_path: Path) -> None:
        """One bit anywhere in the content, or a byte too many."""
        data = bundle.read_bytes()
        for place in [0, 8, 20, len(data) // 2, len(data) - 70, len(data) - 34]:
            changed = bytearray(data)
            changed[place] ^= 0x10
            (tmp_path / "bad").write_bytes(changed)
            arrival = come(there, tmp_path / "bad", keyring=KEY)
            assert arrival.slug in ("bundle-damaged", "bundle-newer", "bundle-partial"), (place, arrival)
        (tmp_path / "bad").write_bytes(data + b"\0")
        self.refused(there, tmp_path / "bad", "bundle-damaged")

    def test_something_else(self, there: Store, tmp_path: Path) -> None:
        """A store's own database is no bundle either."""
        (tmp_path / "bad").write_bytes((there.folder / "v1" / "cache.db").read_bytes())
        self.refused(there, tmp_path / "bad", "bundle-damaged")

    def test_forged(self, there: Store, here: Store, tmp_path: Path) -> None:
        """Signed with a key that is not known here, or with one that was retired."""
        send(here, tmp_path / "b", keyring=OTHER_KEY)
        self.refused(there, tmp_path / "b", "bundle-forged")
        rotated = Keyring((KEY.keys[0], OTHER_KEY.keys[0]))
        assert come(there, tmp_path / "b", keyring=rotated).signed

    def test_a_changed_signature(self, there: Store, bundle: Path, tmp_path: Path) -> None:
        """The last byte belongs to the signature: content and digest are whole."""
        data = bytearray(bundle.read_bytes())
        data[-1] ^= 1
        (tmp_path / "bad").write_bytes(data)
        self.refused(there, tmp_path / "bad", "bundle-forged")

    def test_unsigned(self, there: Store, here: Store, bundle: Path, tmp_path: Path) -> None:
        """Where there is a key, a signature that was taken off does not help."""
        data = bundle.read_bytes()
        (tmp_path / "bad").write_bytes(data[:-33] + b"\0")
        self.refused(there, tmp_path / "bad", "bundle-unsigned")
        self.refused(there, tmp_path / "bad", "bundle-unsigned", unverified=True)

    def test_unverified(self, there: Store, bundle: Path) -> None:
        """Without a key a signed bundle is taken in only on demand, and never counts as verified."""
        self.refused(there, bundle, "bundle-unverified", keyring=NO_KEY)
        arrival = come(there, bundle, keyring=NO_KEY, unverified=True)
        assert (arrival.slug, arrival.signed) == ("", False)

    def test_another_project(self, there: Store, bundle: Path) -> None:
        """The name of the project is under the signature."""
        why = self.refused(there, bundle, "bundle-replayed", project="bank")
        assert '"shop"' in why
        assert '"bank"' in why
        self.refused(there, bundle, "bundle-replayed", project="")

    def test_a_record_of_the_future(self, there: Store, here: Store, tmp_path: Path) -> None:
        """It would stay the newest for ever."""
        put(here, "test_f.py", travel.manifest("test_f.py", at=time.time() + 10 * 86_400))
        send(here, tmp_path / "b", keyring=KEY)
        self.refused(there, tmp_path / "b", "bundle-replayed")

    def test_oversized(self, there: Store, bundle: Path) -> None:
        """Too long, unpacking to too much, or too many entries."""
        for limits in (Limits(packed_bytes=100), Limits(unpacked_bytes=1000), Limits(entries=3)):
            self.refused(there, bundle, "bundle-oversized", limits=limits)

    def test_a_newer_format(self, there: Store, bundle: Path, tmp_path: Path) -> None:
        """It says so, instead of calling it damaged."""
        data = bundle.read_bytes()
        (tmp_path / "new").write_bytes(MAGIC + (FORMAT + 1).to_bytes(2, "big") + data[10:])
        assert "newer testcache" in self.refused(there, tmp_path / "new", "bundle-newer")

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda t: replace(t, outcome="failed"),
            lambda t: replace(t, reports=()),
            lambda t: replace(t, reports=(*t.reports[:2], travel.report("elsewhen"))),
            lambda t: replace(t, reports=(*t.reports, travel.report("call", outcome="failed"))),
            lambda t: replace(t, reports=(*t.reports, travel.report("call", sections=[1]))),
            lambda t: replace(t, reports=(*t.reports, travel.report("call", longrepr=[1, 2, 3]))),
            lambda t: replace(t, duration_s=float("nan")),
            lambda t: replace(t, since=float("nan")),
            lambda t: replace(t, recorded_at=float("inf")),
            lambda t: replace(t, recorded_at=-1.0),
            lambda t: replace(t, lines=b"\x80"),
        ],
    )
    def test_what_no_run_would_record(
        self, there: Store, here: Store, tmp_path: Path, spoil: Callable[[Trace], Trace]
    ) -> None:
        """Signed or not: a replay relies on outcomes, phases, times and lines."""
        put(here, "test_x.py", Manifest({NodeId("test_x.py::test"): [spoil(trace())]}))
        send(here, tmp_path / "b", keyring=KEY)
        self.refused(there, tmp_path / "b", "bundle-damaged")

    def test_a_test_under_another_file(self, there: Store, here: Store, tmp_path: Path) -> None:
        """A result cannot be filed where its own file's changes would not be seen."""
        put(here, "test_x.py", Manifest({NodeId("test_y.py::test"): [trace()]}))
        send(here, tmp_path / "b", keyring=KEY)
        self.refused(there, tmp_path / "b", "bundle-damaged")


class TestKeys:
    """Keys come from the environment and are never shown."""

    def test_they_are_read(self) -> None:
        """The current one signs, old ones verify, blanks around them do not count."""
        ring = Keyring.from_environment(
            {"TESTCACHE_KEY": f" {'a' * 16}\n", "TESTCACHE_KEYS_OLD": f"{'b' * 16} {'c' * 20}"}
        )
        assert ring.keys == (b"a" * 16, b"b" * 16, b"c" * 20)
        assert not Keyring.from_environment({"TESTCACHE_KEY": ""})

    @pytest.mark.parametrize("environ", [{"TESTCACHE_KEY": "short"}, {"TESTCACHE_KEYS_OLD": "b" * 16}])
    def test_a_mistake_is_named(self, environ: dict[str, str]) -> None:
        """A key that can be guessed, and an old one without a new one."""
        with pytest.raises(SettingError, match="bundle-key"):
            Keyring.from_environment(environ)

    def test_they_are_not_printed(self) -> None:
        """Not even in a traceback."""
        assert "team" not in repr(KEY)

    def test_the_content_is_named_by_sha256(self, here: Store, tmp_path: Path) -> None:
        """What crosses a trust border is named by a digest that cannot be made to collide."""
        header = send(here, tmp_path / "b")
        assert len(bytes.fromhex(header.content)) == hashlib.sha256().digest_size
