"""The `testcache` command: arguments and exit codes; each verb is imported when it is asked for.

Exit codes have pytest's numbers: 0 fine; 1 tests failed, or would run; 2 interrupted; 3 our bug; 4 usage.
"""

from __future__ import annotations

import os
import sys

from testcache.errors import TestcacheError

TYPE_CHECKING = False  # importing it from typing would take longer than `testcache run` does
if TYPE_CHECKING:
    import argparse

    from testcache.project import Project

FINE, STALE, INTERRUPTED, BUG, USAGE = range(5)
_ARGPARSE_USAGE = 2


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return _act(arguments)
    except TestcacheError as problem:
        print(_message(problem), file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `testcache explain ... | head`: nobody reads on
        sys.stderr.close()  # else the interpreter complains when it flushes at its end
        return INTERRUPTED
    except Exception:
        import traceback

        traceback.print_exc()
        print("testcache: this is a bug of testcache; please report what stands above [bug]", file=sys.stderr)
        return BUG


def _act(arguments: list[str]) -> int:
    if arguments[:1] == ["run"] and not {"-h", "--help"} & set(arguments[1:2]):
        # Not for argparse: whatever follows belongs to pytest, options and all.
        from testcache.commands import run

        rest = arguments[1:]
        return run.run(rest[1:] if rest[:1] == ["--"] else rest)
    if arguments[:2] == ["hook", "run"]:
        from testcache.commands import hook

        return hook.run(arguments[2:])
    from testcache.arguments import parser

    try:
        chosen = parser().parse_args(arguments)
    except SystemExit as end:
        return USAGE if end.code == _ARGPARSE_USAGE else FINE
    act = _ACTIONS.get(chosen.verb)
    if act is None:
        parser().print_help()
        return USAGE
    code = act(chosen)
    sys.stdout.flush()
    return code


def _message(problem: TestcacheError) -> str:
    """The error as a message; its first line ends with the slug."""
    first, _, rest = str(problem).partition("\n")
    if not first.endswith("]"):
        first = f"{first} [{problem.slug}]"
    return f"testcache: {first}" + (f"\n{rest}" if rest else "")


def _project(chosen: argparse.Namespace) -> Project:
    from testcache.project import Project

    return Project.find(chosen.rootdir)


def _explain(chosen: argparse.Namespace) -> int:
    from testcache.commands import explain

    reason = explain.named(chosen.what)
    if reason is not None and not os.path.exists(chosen.what):  # a folder of tests may be called "network"
        return explain.explain_reason(reason)
    return explain.run(_project(chosen), chosen.what, everything=chosen.all)


def _status(chosen: argparse.Namespace) -> int:
    from testcache.commands import status

    return status.run(_project(chosen), everything=chosen.all)


def _stats(chosen: argparse.Namespace) -> int:
    from testcache.commands import stats

    return stats.run(_project(chosen))


def _shard(chosen: argparse.Namespace) -> int:
    from testcache.commands import shard

    return shard.run(_project(chosen), chosen.plan, everything=chosen.all)


def _prune(chosen: argparse.Namespace) -> int:
    from testcache.commands import prune

    act = prune.remotely if chosen.remote else prune.run
    return act(_project(chosen), max_size=chosen.max_size, max_age=chosen.max_age)


def _clear(chosen: argparse.Namespace) -> int:
    from testcache.commands import clear

    return clear.run(_project(chosen), chosen.tests)


def _doctor(chosen: argparse.Namespace) -> int:
    from testcache.commands import doctor

    return doctor.run(_project(chosen))


def _init(chosen: argparse.Namespace) -> int:
    from testcache.commands import init

    return init.run(_project(chosen))


def _export(chosen: argparse.Namespace) -> int:
    from testcache.commands import export

    return export.run(_project(chosen), chosen.file, environments=chosen.env_key)


def _import(chosen: argparse.Namespace) -> int:
    from testcache.commands import bring

    return bring.run(_project(chosen), chosen.files, unverified=chosen.unverified)


def _verify(chosen: argparse.Namespace) -> int:
    from testcache.commands import verify

    return verify.run(chosen.tests, isolated=chosen.isolated)


def _hook(chosen: argparse.Namespace) -> int:
    from testcache.commands import hook

    return hook.check(_project(chosen))


def _ci(chosen: argparse.Namespace) -> int:
    from testcache.commands.ci import compact, key, restore, save, summary

    project = _project(chosen)
    if chosen.step == "key":
        branches = tuple(chosen.branch)
        return key.run(project, prefix=chosen.prefix, mode=chosen.mode, branches=branches, file=chosen.file)
    if chosen.step == "restore":
        return restore.run(project, chosen.folder, unverified=chosen.unverified, mode=chosen.mode)
    if chosen.step == "save":
        return save.run(project, chosen.folder, mode=chosen.mode, branches=tuple(chosen.branch))
    if chosen.step == "compact":
        return compact.run(project, chosen.folder, max_age=chosen.max_age)
    return summary.run(project)


_ACTIONS = {
    "explain": _explain,
    "status": _status,
    "stats": _stats,
    "shard": _shard,
    "prune": _prune,
    "clear": _clear,
    "doctor": _doctor,
    "init": _init,
    "export": _export,
    "import": _import,
    "verify": _verify,
    "hook": _hook,
    "ci": _ci,
}
