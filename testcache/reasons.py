"""The closed list of reasons: why a test was replayed, run, not stored, or why the cache failed."""

from __future__ import annotations

import enum


class Group(enum.Enum):
    """Which of the four different things a reason explains (never folded together)."""

    HIT = "hit"
    MISS = "miss"
    UNCACHEABLE = "uncacheable"
    ERROR = "error"


class Reason(enum.Enum):
    """One reason: its value is the slug that messages print and `docs/reasons.md` explains."""

    slug: str
    group: Group
    word: str
    sentence: str

    def __new__(cls, slug: str, group: Group, word: str, sentence: str) -> Reason:
        member = object.__new__(cls)
        member._value_ = slug
        member.slug = slug
        member.group = group
        member.word = word
        member.sentence = sentence
        return member

    @classmethod
    def of(cls, slug: str) -> Reason:
        """The reason with this slug; ValueError if there is none."""
        for reason in cls:
            if reason.slug == slug:
                return reason
        raise ValueError(f"no reason is called {slug!r}")

    CACHED = ("cached", Group.HIT, "cached", "every recorded input is unchanged")

    NEW = ("new", Group.MISS, "new", "this test has no recorded result here")
    INPUT_CHANGED = ("input-changed", Group.MISS, "changed", "an input changed")
    INPUT_GONE = ("input-gone", Group.MISS, "changed", "an input is gone")
    INPUT_APPEARED = ("input-appeared", Group.MISS, "changed", "something that was absent is there now")
    ENVIRONMENT_CHANGED = (
        "environment-changed",
        Group.MISS,
        "other environment",
        "it was only recorded in another environment: interpreter, search path, plugins or options",
    )
    LEFTOVER = (
        "leftover",
        Group.MISS,
        "changed",
        "it rests on what an earlier test or an import left in memory, and that may be something else now",
    )
    NOT_PASSED = ("not-passed", Group.MISS, "failed before", "it failed the last time; failures always run again")
    EXPIRED = ("expired", Group.MISS, "expired", "its recorded result is older than its declared max_age")
    REFRESH = ("refresh", Group.MISS, "refreshed", "--cached=refresh runs everything")
    VERIFY = ("verify", Group.MISS, "verified", "--cached=verify runs everything and compares")
    AUDIT = ("audit", Group.MISS, "audited", "this hit was drawn for the audit and really ran")
    QUARANTINED = ("quarantined", Group.MISS, "quarantined", "a wrong hit was seen before with this trace")
    NO_COVERAGE = (
        "no-coverage",
        Group.MISS,
        "without lines",
        "coverage is wanted and the recorded result has no lines",
    )
    LEAKS = (
        "leaks",
        Group.MISS,
        "changed",
        "it left something in memory that a later test has to be run with",
    )
    WITH_NEIGHBOURS = (
        "with-neighbours",
        Group.MISS,
        "with neighbours",
        "another test runs, and they need one another: that was seen, a fixture judges both, or they fill one key",
    )

    MARKED_NEVER = ("marked-never", Group.UNCACHEABLE, "uncacheable", "it is marked or set never to be cached")
    OUTCOME = ("outcome", Group.UNCACHEABLE, "uncacheable", "only a clean first-attempt outcome is stored")
    NEEDS_NEIGHBOURS = (
        "needs-neighbours",
        Group.UNCACHEABLE,
        "uncacheable",
        "it passes only when the tests before it really run",
    )
    INPUT_CHANGED_DURING_RUN = (
        "input-changed-during-run",
        Group.UNCACHEABLE,
        "uncacheable",
        "an input changed while the test ran",
    )
    STARTED_A_PROCESS = (
        "started-a-process",
        Group.UNCACHEABLE,
        "uncacheable",
        "it started a process that cannot be observed",
    )
    NETWORK = ("network", Group.UNCACHEABLE, "uncacheable", "it connected outside its own process")
    JUDGED_AT_THE_END = (
        "judged-at-the-end",
        Group.UNCACHEABLE,
        "uncacheable",
        "the run is judged at its end by what the test did",
    )
    NOT_OBSERVED = ("not-observed", Group.UNCACHEABLE, "uncacheable", "its recording is incomplete")
    OPTION_NOT_CACHEABLE = (
        "option-not-cacheable",
        Group.UNCACHEABLE,
        "uncacheable",
        "an option of this run cannot be combined with the cache",
    )

    NOT_WATCHED = ("not-watched", Group.ERROR, "error", "the run could not be watched")
    STORE_UNREADABLE = ("store-unreadable", Group.ERROR, "error", "the store cannot be read")
    STORE_DAMAGED = ("store-damaged", Group.ERROR, "error", "the store was damaged")
    STORE_LOCKED = ("store-locked", Group.ERROR, "error", "the store is locked by another process")
    STORE_NEWER = ("store-newer", Group.ERROR, "error", "the store was written by a newer testcache")
    ENTRY_CORRUPT = ("entry-corrupt", Group.ERROR, "error", "a stored entry does not decode")
    REMOTE_UNREACHABLE = ("remote-unreachable", Group.ERROR, "error", "the remote cache cannot be used")
    REMOTE_SLOW = ("remote-slow", Group.ERROR, "error", "the remote cache did not answer in time")
    REMOTE_REFUSED = (
        "remote-refused",
        Group.ERROR,
        "error",
        "entries of the remote cache were not taken in, or not given",
    )
    WRONG_HIT = ("wrong-hit", Group.ERROR, "wrong hit", "a stored pass failed when it was run")
    UNSTABLE = ("unstable", Group.ERROR, "unstable", "its outcome changed although no recorded input did")
