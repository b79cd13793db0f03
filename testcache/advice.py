"""What each reason means and what can be done: for `testcache explain REASON` and `docs/reasons.md`."""

from __future__ import annotations

from testcache.reasons import Group, Reason

GROUPS = {
    Group.HIT: "The test was not run; its recorded result was reported.",
    Group.MISS: "The test runs, and its result is recorded for the next time.",
    Group.UNCACHEABLE: "The test ran, and its result was not stored; it runs again the next time.",
    Group.ERROR: "The cache itself has a problem. Tests run as if it were not there.",
}
"""What follows from a reason of each group."""

ADVICE = {
    Reason.CACHED: (
        "Everything that the test read when it was recorded has the same fingerprint now: the functions it "
        "executed, the modules it imported, files, folders, environment variables, distributions. "
        "`testcache explain --all TEST` lists them; `pytest --cached=refresh` runs it all the same."
    ),
    Reason.NEW: (
        "No result of this test is recorded: it was added, renamed, has other parameters, or was never run "
        "with `--cached` on this machine. Results that were pruned or cleared are new again, too."
    ),
    Reason.INPUT_CHANGED: (
        "Something that the test read has another fingerprint now. `testcache explain --all TEST` names "
        "each input that differs. Comments and formatting of Python code do not count; docstrings do."
    ),
    Reason.INPUT_GONE: (
        "Something that the test read is no longer there: a function or file was removed or renamed, a "
        "variable is unset, a distribution was uninstalled."
    ),
    Reason.INPUT_APPEARED: (
        "The test once asked for something that was absent, such as an optional file, a variable or a "
        "module, and it is there now. That may change what the test does, so it runs."
    ),
    Reason.ENVIRONMENT_CHANGED: (
        "Results are kept apart by what holds for a whole run: the interpreter and its flags, the platform, "
        "pytest, the plugins that take part, ini settings, and options that may change outcomes. This test "
        "has a result only under another such combination; it is used again as soon as that one is back. "
        "`testcache doctor` names what differs."
    ),
    Reason.LEFTOVER: (
        "The test found something in memory that an earlier test of the same process had left there: a filled "
        "cache, an attribute that is computed once, an entry in a registry. The inputs of that earlier test "
        "have changed. It runs first, and if it leaves the same again, this one is replayed after all; if not, "
        "or if the earlier one is not part of the run, this one runs. The same holds for what the import of a "
        'module, or a hook of pytest, had left before all tests. What is "inside" an object is what an installed '
        "library keeps there for itself. If no test of the project minds that, the setting "
        '`library-state = "learned"` has each test run once more for it, and not again.'
    ),
    Reason.NOT_PASSED: (
        "The latest run of the test failed. Failures are never replayed; once it has passed, it is replayed again."
    ),
    Reason.EXPIRED: (
        "The test was declared good for a limited time, by `@pytest.mark.testcache(max_age=...)` or by the "
        "`network.allow` setting, and its recorded result is older than that."
    ),
    Reason.REFRESH: "Asked for with `--cached=refresh`: every test runs and is recorded anew.",
    Reason.VERIFY: (
        "Asked for with `--cached=verify`: every test runs, and each recorded result that turns out to be "
        "wrong is reported as `wrong-hit`."
    ),
    Reason.AUDIT: (
        "The `audit` setting or `--cached-audit` makes a share of the hits really run, to look for wrong "
        "ones. This test was drawn."
    ),
    Reason.QUARANTINED: (
        "An audit or a verification saw a recorded result of this test to be wrong. It runs every time, also "
        "when it has passed again, until something that it reads has changed or `testcache clear` is used. "
        "Declare what testcache does not see with `@pytest.mark.testcache(inputs=[...])`: that changes what "
        "it reads."
    ),
    Reason.LEAKS: (
        "The test left something in memory for the first time the last time it ran, such as a setting that it did not "
        "put back. A later test whose code mentions it has not passed since; so both run, in this order. Have the "
        "test put back what it changes, with `monkeypatch` say, and only what you edit runs again."
    ),
    Reason.WITH_NEIGHBOURS: (
        "A test of this file failed when the tests before it were replayed, and passed when they really "
        "ran. Since then the tests of the file run together as soon as one of them has to, until "
        "`testcache clear` is used. Or a fixture of several tests checks at its end what they have left; these run "
        "together, too. Or this test was the first to put something into a table, such as a registry, under a key that "
        "the code of the other one names: without it that one would fill the place, and all who use it had to run."
    ),
    Reason.NO_COVERAGE: (
        "This run measures coverage, and the result was recorded without executed lines, or where other files were "
        "measured (`source`, `include`, `omit`, branches). The test runs once under coverage; from then on its lines "
        "are replayed with it, and move with their code where an edit does not concern the test. It runs again where "
        "nobody knows which lines these are now: `if a: b` was broken into two lines, a measured file is not there, "
        "or the result came from another machine, and the file has changed since."
    ),
    Reason.MARKED_NEVER: ("It carries `@pytest.mark.testcache(never=True)`, or the `never` setting covers it."),
    Reason.OUTCOME: (
        "Only passed, skipped and expectedly failed tests are stored, and only if that was their first "
        "attempt. A pass after a rerun, an unexpected pass or a sub-test that failed may differ the next "
        "time."
    ),
    Reason.NEEDS_NEIGHBOURS: (
        "The test failed twice while the tests before it in its file were replayed, and passed once these "
        "had really run: it needs something that they leave behind. It is reported as passed, as in a full "
        "run, and not stored; from then on the tests of the file run together or not at all. Give the test "
        "what it needs in a fixture, and it can be replayed on its own."
    ),
    Reason.INPUT_CHANGED_DURING_RUN: (
        "Something that the test read was changed before the test had ended, so that nobody can say which "
        "version it saw. If the test itself writes files into the project, let it write into `tmp_path`."
    ),
    Reason.STARTED_A_PROCESS: (
        "It started a program that testcache cannot look into. If the program's outcome depends only on "
        "itself and on the files named in its arguments, add it to `processes.trusted`. Python child "
        "processes are observed where testcache's start-up hook is installed: see `testcache doctor`."
    ),
    Reason.NETWORK: (
        "What another host answers is not known before asking. Allow the host for a limited time with "
        "`network.allow`, or let the test talk to a server that it starts itself."
    ),
    Reason.JUDGED_AT_THE_END: (
        "Something sets the exit status when all tests have run, and goes by what they did: a plugin for snapshots "
        "by what its fixtures were used for, a `pytest_sessionfinish` of the project by what is left in a list. It "
        "would miss a test that is replayed, so such tests always run."
    ),
    Reason.NOT_OBSERVED: (
        "Something kept testcache from seeing all that the test did, so that its list of inputs would have "
        "holes. The evidence names what it was."
    ),
    Reason.OPTION_NOT_CACHEABLE: (
        "Options such as `--pdb`, `--trace` or `--setup-plan` are about watching tests run, or run nothing. "
        "With one of them the whole run goes without the cache."
    ),
    Reason.NOT_WATCHED: (
        "Something that was loaded before testcache, such as a plugin, has changed what testcache itself goes by. "
        "Nothing is replayed and nothing is stored in such a run. The message says what was raised, and where."
    ),
    Reason.STORE_UNREADABLE: (
        "The store belongs to somebody else, holds what testcache has not written, lies on a network file system, "
        "or cannot be written. The message says which. `testcache clear` makes it anew; the `store` setting puts "
        "it elsewhere."
    ),
    Reason.STORE_DAMAGED: (
        "SQLite finds the bytes of the store to be wrong. A run that may write renames its database to "
        "`cache.db.damaged`, in the same folder, begins a new one and records in it; the last such file is kept, "
        "and nothing reads it. A run with `--cached=read`, and one that may not write there, leaves it as it is."
    ),
    Reason.STORE_LOCKED: "Another process kept the store locked for too long. Try again when it has ended.",
    Reason.STORE_NEWER: (
        "A newer testcache has written this store. Update testcache, or let this project use another folder "
        "with the `store` setting."
    ),
    Reason.ENTRY_CORRUPT: (
        "A part of the store does not decode; the tests it was about run and are recorded anew. "
        "`testcache clear` removes the rest if it happens again."
    ),
    Reason.REMOTE_UNREACHABLE: (
        "The server or folder of `remote.url` does not answer, or refuses this run. The run went on without it "
        "and asked it nothing more. What it recorded is in the local store, and later runs here share it."
    ),
    Reason.REMOTE_SLOW: (
        "The remote took longer than `remote.deadline` in all. What came in time was used, the rest of the tests "
        "ran, and nothing more was asked; what could not be sent is sent by later runs here. A remote near the "
        "machines that use it helps, or a longer deadline."
    ),
    Reason.REMOTE_REFUSED: (
        "Entries are taken in whole or not at all. These were damaged, signed with another key or not at all, "
        "made for another test, project or branch, or by a newer testcache; the message names the first reason, "
        "and their tests ran. Entries without a signature are refused where `TESTCACHE_KEY` is set, those with "
        "one where it is not, unless `remote.unverified` is on. An entry that was not given is one that the server "
        "did not take: see its limit for one value, `client_max_body_size` of nginx or `--max_blob_size` of "
        "bazel-remote."
    ),
    Reason.WRONG_HIT: (
        "A test failed although all its recorded inputs are unchanged, so it depends on something that "
        "testcache does not see: the clock, randomness, a file read by C code, another test. Declare it "
        "with `@pytest.mark.testcache(inputs=[...])`, or exclude it with `never=True`."
    ),
    Reason.UNSTABLE: (
        "The test ended otherwise than before although each input that testcache knows is the same: it is "
        "flaky, or it depends on something that testcache does not see. Nothing is replayed of what was "
        "recorded under these inputs. See `wrong-hit` for what can be done."
    ),
}
"""For each reason what it means and what can be done, in a few sentences."""
