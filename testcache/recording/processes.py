"""Child processes: Python children are recorded and joined to whoever started them.

A child is given `TESTCACHE_CHILD` in its environment, by which a start-up hook in the same
interpreter's site folder begins recording into the spool. A child that cannot be observed (another
program, another interpreter, `os.system`) keeps its test from being stored, unless it is one of the small
ones of every system or the settings trust it; then the executable and the files named in its arguments are inputs.
"""

from __future__ import annotations

import _posixsubprocess
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from sys import _getframe
from typing import Any

from testcache.clock import clock
from testcache.model import ABSENT, Digest, Kind
from testcache.reasons import Reason
from testcache.recording.context import Context, Problem
from testcache.recording.network import Network
from testcache.recording.origin import Origin
from testcache.recording.reads import Reads
from testcache.recording.recorder import BODY_LINE
from testcache.recording.spool import Epoch, Reader, Writer
from testcache.recording.tape import Tape
from testcache.recording.unseen import aside, unseen

Spool = tuple[str, str]
"""The spool's folder, and this process's own key in it ("" in the process that owns it)."""

START_WAIT_S = 3.0
"""How long a test's end waits for a child that has not begun to report; a start takes about 0.2 s."""

CHILD_VARIABLE = "TESTCACHE_CHILD"

HARMLESS = frozenset({"uname", "true", "false", "hostname", "ldconfig", "lsb_release", "objdump", "sw_vers"})
"""Programs that libraries start to ask about the machine, which is part of the environment key."""


_MUTE = frozenset({"echo", "printf", "sleep", "seq", "basename", "dirname"})
"""Programs that read no file: what they do is in their arguments."""

_FILTERS = frozenset({"cat", "head", "tail", "wc", "tr", "cut", "uniq", "tee"})
"""Programs that read what is piped to them, and the files named in their arguments."""

_SYSTEM = ("/bin", "/usr/bin")
"""Where these are the ones that every system has."""


def _asks_about_this_python(program: str, words: list[str]) -> bool:
    """What `platform.architecture()` starts: like `uname`, it tells what the environment key holds."""
    known = {sys.executable, os.path.realpath(sys.executable)}
    return os.path.basename(program) == "file" and len(words) == 3 and words[1] == "-b" and words[2] in known


def _tells_what_it_is(program: str, words: list[str]) -> bool:
    """Does this interpreter say its version and no more? It runs no hook then, and the environment key has that."""
    same = os.path.realpath(program) == os.path.realpath(sys.executable)
    return same and len(words) == 2 and words[1] in ("-V", "-VV", "--version")


def _inherited() -> list[bytes]:
    """The environment as it is, gone through without being seen."""
    held: dict[Any, Any] = os.environ._data  # type: ignore[attr-defined]
    return [os.fsencode(name) + b"=" + os.fsencode(text) for name, text in held.items()]


class Processes:
    """Watches the starts of processes and collects what recorded children report."""

    def __init__(
        self, tape: Tape, origin: Origin, reads: Reads, network: Network, trusted: Collection[str], spool: Spool
    ) -> None:
        """`spool` is the folder, and for a process that is a child itself, its own key in it."""
        self._tape = tape
        self._origin = origin
        self._reads = reads
        self._network = network
        self._trusted = frozenset(trusted) | HARMLESS
        self.folder, self._key = spool
        self._reader = Reader(self.folder)
        self._epoch = Epoch(self.folder)
        self._spawned: dict[str, Context] = {}
        self._expected: dict[str, tuple[Context, str]] = {}
        self._seen: set[str] = set()
        self._originals: tuple[Any, Any] | None = None
        self._count = 0
        self._fork: tuple[str, Context] | None = None
        self._owner = os.getpid()
        self.handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "os.system": lambda args: self._unobserved(f"os.system({args[0]!r})"),
            "os.posix_spawn": lambda args: self._spawn_like(args[0]),
            "os.exec": lambda args: self._unobserved(f"os.exec({args[0]!r})"),
            "os.forkpty": lambda args: self._unobserved("os.forkpty()"),
            "pty.spawn": lambda args: self._unobserved("pty.spawn()"),
        }

    # -- installing

    def install(self) -> None:
        """Wrap the two places where children start; follow forks."""
        popen, spawn = subprocess.Popen._execute_child, _posixsubprocess.fork_exec  # type: ignore[attr-defined]
        self._originals = (popen, spawn)
        subprocess.Popen._execute_child = self._execute_child(popen)  # type: ignore[attr-defined]
        # `subprocess` took its own reference when it was imported; `multiprocessing` looks it up each time.
        _posixsubprocess.fork_exec = self._fork_exec(spawn)
        os.register_at_fork(before=self._forking, after_in_child=self._forked)

    def uninstall(self) -> None:
        """Put them back and drop the spool."""
        if self._originals is not None:
            subprocess.Popen._execute_child = self._originals[0]  # type: ignore[attr-defined]
            _posixsubprocess.fork_exec = self._originals[1]
            self._originals = None
        if os.getpid() == self._owner and not self._key:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stream(self, writer: Writer) -> None:
        """From now on write everything to the spool as it happens: this process is a child."""
        self._tape.stream = writer.write
        self._tape.noted = None
        self._network.on_listen = lambda port: writer.write("listen", port)
        recorder = self._tape.recorder
        if recorder is not None and recorder.streams:
            recorder.streamed(lambda place: writer.write("place", *place))
        elif recorder is not None and recorder.name == "coverage":
            self._tape.problem(Reason.STARTED_A_PROCESS, "the coverage recorder does not follow children")

    # -- starting

    def _execute_child(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @unseen
        def _execute_child(
            popen: Any, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any,
            cwd: Any, env: Any, *rest: Any, **options: Any,
        ) -> Any:  # fmt: skip
            __tracebackhide__ = True
            if self._originals is not None and self._origin.find()[1]:
                env = self._starting(args, executable, cwd, env, bool(options.get("shell") or self._is_shell(rest)))
            with aside:
                return original(popen, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *rest, **options)

        return _execute_child

    @staticmethod
    def _is_shell(rest: tuple[Any, ...]) -> bool:
        """`shell` is the third argument after `env` on every supported Python (startupinfo, creationflags, shell)."""
        return bool(len(rest) > 2 and rest[2])

    def _starting(self, args: Any, executable: Any, cwd: Any, env: Any, shell: bool) -> Any:
        if isinstance(args, (str, bytes, os.PathLike)):
            words = [os.fsdecode(args)]
        else:
            words = [os.fsdecode(word) for word in args]
        program = os.fsdecode(executable) if executable is not None else (words[0] if words else "")
        if shell:
            self._unobserved(f"shell command {words[0] if words else ''!r}")
            return env
        search = env.get("PATH") if env is not None and "PATH" in env else os.environ.get("PATH", os.defpath)
        found = self._find_program(program, cwd, search)
        if self._is_python(found):
            return env if _tells_what_it_is(found, words) else self._recorded_child(words, cwd, env)
        if _asks_about_this_python(program, words):
            return env
        if os.path.basename(program) in self._trusted or self._is_usual(found, words):
            self._trust(found, words[1:], cwd)
            self._pass_over(program, found, search)
        elif self._is_python_script(found):
            self._reads.file(self._tape.top, found)
            return self._recorded_child(words, cwd, env)
        else:
            self._unobserved(" ".join(words)[:200])
        return env

    @staticmethod
    def _is_usual(program: str, words: list[str]) -> bool:
        folder, name = os.path.split(program)
        listed = any(word.startswith("--files0-from") for word in words)  # the names of files are in a file
        return (name in _MUTE or name in _FILTERS) and folder in _SYSTEM and not listed

    @staticmethod
    def _find_program(program: str, cwd: Any, search: Any) -> str:
        if os.sep in program:
            return os.path.abspath(os.path.join(os.fsdecode(cwd) if cwd else ".", program))
        return shutil.which(program, path=search) or program

    @staticmethod
    def _is_python(program: str) -> bool:
        own = os.path.abspath(sys.executable)  # as it was typed: `../venv/bin/python -m pytest`
        if program in (sys.executable, own):
            return True
        same = os.path.basename(program).startswith("python") and os.path.exists(program)
        return same and os.path.dirname(program) == os.path.dirname(own)

    def _is_python_script(self, program: str) -> bool:
        """A console script whose first line names this interpreter is a recorded child too."""
        try:
            with open(program, "rb") as file:
                first = file.readline(512)
        except OSError:
            return False
        return first.startswith(b"#!") and self._is_python(os.fsdecode(first[2:].strip().split(b" ")[0] or b"?"))

    def _recorded_child(self, words: list[str], cwd: Any, env: Any) -> dict[Any, Any]:
        text = " ".join(words)[:200]
        if any(re.fullmatch(r"-[A-Za-z]*S[A-Za-z]*", word) for word in words[1:4]):
            self._unobserved(f"{text} (-S skips the start-up hook)")
        inherited = dict(os.environ) if env is None else dict(env)
        name, value = CHILD_VARIABLE, os.pathsep.join((self.folder, self._new_key(text)))
        if any(isinstance(key, bytes) for key in inherited):
            inherited[os.fsencode(name)] = os.fsencode(value)
        else:
            inherited[name] = value
        return inherited

    def _new_key(self, words: str) -> str:
        """Expect one more recorded child, charged to the top context."""
        self._count += 1
        key = f"{self._key}-{os.getpid()}-{self._count}"
        self._expect(key, self._tape.top, words)
        if self._tape.stream is not None:
            self._tape.stream("spawn", key, words)
        return key

    def _expect(self, key: str, parent: Context, words: str) -> None:
        context = self._spawned[key] = Context(f"child {words}")
        parent.links.add(context)
        self._expected[key] = (parent, words)

    def _fork_exec(self, original: Callable[..., int]) -> Callable[..., int]:
        """`multiprocessing` starts its children (spawn, forkserver) with the environment as it is."""

        @unseen
        def fork_exec(args: Any, executables: Any, close: Any, fds: Any, cwd: Any, env: Any, *rest: Any) -> int:
            __tracebackhide__ = True
            words = " ".join(os.fsdecode(word) for word in args)
            if self._originals is None or "resource_tracker" in words:
                return original(args, executables, close, fds, cwd, env, *rest)
            value = os.pathsep.join((self.folder, self._new_key(words[:200])))
            pairs = _inherited() if env is None else env
            env = [*map(os.fsencode, pairs), os.fsencode(f"{CHILD_VARIABLE}={value}")]
            return original(args, executables, close, fds, cwd, env, *rest)

        return fork_exec

    def _trust(self, program: str, words: list[str], cwd: Any) -> None:
        context, name = self._tape.top, os.path.basename(program)
        if name not in HARMLESS or self._tape.roots.is_first_party(program):
            self._reads.file(context, program)
        for word in () if name in _MUTE else words:
            path = os.path.join(os.fsdecode(cwd), word) if cwd else word
            if os.path.isfile(path) or (name in _FILTERS and word[:1] != "-"):
                self._read_by_child(path)

    def _pass_over(self, program: str, found: str, search: Any) -> None:
        """A program of that name may appear in a folder that is looked into first."""
        for folder in os.fsdecode(search).split(os.pathsep) if os.sep not in program else ():
            if folder in (os.path.dirname(found), *_SYSTEM):
                break
            self._read_by_child(os.path.join(folder, program))

    def _read_by_child(self, path: str) -> None:
        charged = self._reads.charged(path)
        if charged is not None:
            self._reads.file(*charged)

    def _spawn_like(self, program: Any) -> None:
        name = os.path.basename(os.fsdecode(program))
        if name not in self._trusted and not self._in_subprocess():
            self._unobserved(f"posix_spawn {os.fsdecode(program)}")

    @staticmethod
    def _in_subprocess() -> bool:
        """`subprocess` itself may spawn by posix_spawn; that start was looked at already."""
        frame: Any = _getframe(1)
        while frame is not None:
            if frame.f_code.co_name == "_execute_child":
                return True
            frame = frame.f_back
        return False

    def _unobserved(self, what: str) -> None:
        frame, counts, _ = self._origin.find()
        if counts:
            self._tape.problem(Reason.STARTED_A_PROCESS, f"{what} from {self._origin.where(frame)}")

    # -- forks

    def _forking(self) -> None:
        if self._originals is not None:
            self._count += 1
            key = f"{self._key}-{os.getpid()}-{self._count}"
            self._fork = (key, self._spawned.setdefault(key, Context("forked child")))
            self._tape.top.links.add(self._fork[1])
            if self._tape.stream is not None:
                self._tape.stream("spawn", key, "")

    def _forked(self) -> None:
        """In a forked child: from now on everything is written to the spool as it happens."""
        if self._originals is not None and self._fork is not None:
            self._key = self._fork[0]
            self.stream(Writer(self.folder, self._key, self._epoch))

    # -- collecting

    def collect(self) -> None:
        """Join what children reported to whoever started them, and to the top context.

        The top context counts too because a child may outlive the test that started it and work for
        later ones. A child that should report and does not is waited for: it may be starting.
        """
        if not self._spawned:
            return  # a folder to list for each test: 40 us
        waited = 0.0
        self._read()
        while not self._seen.issuperset(self._expected) and waited < START_WAIT_S:
            clock.sleep(0.02)
            waited += 0.02
            self._read()
        for key, (context, words) in self._expected.items():
            if key not in self._seen:
                evidence = f"{words} did not report to the recorder"
                context.problems.append(Problem(Reason.STARTED_A_PROCESS, evidence))
        if self._epoch.take_lost():  # by whom is not known
            problem = Problem(Reason.STARTED_A_PROCESS, "a child could not write down what it read")
            for context in {self._tape.top, *self._spawned.values()}:
                context.problems.append(problem)
        self._expected.clear()
        self._epoch.next()

    def _read(self) -> None:
        for key, row in self._reader.rows():
            self._seen.add(key)
            started = self._spawned.get(key, self._tape.top)
            if row[0] == "spawn" and row[2]:
                self._expect(row[1], started, row[2])
            elif row[0] == "spawn":
                self._spawned[row[1]] = started
            for context in {started, self._tape.top}:
                self._apply(context, row)

    def _value(self, kind: Kind, name: str, told: str) -> Digest:
        """What a child has read, which parses nothing; which variables a pattern means is for the run to say."""
        if kind is Kind.WHOLE or kind is Kind.EXPORTS:
            source = self._tape.load(self._tape.roots.path(name)).source
            return source.whole if kind is Kind.WHOLE else source.exported
        if kind is Kind.VARIABLE and "*" in name:
            return self._reads.variables.fingerprint(name)
        return Digest(bytes.fromhex(told))

    def _lasting(self, name: str) -> str:
        """Under which name something counts that a child has read; "" if it lies in a temporary folder of this run.

        The child does not know who has made that. A link in there is read as what it leads to, and what lies in a
        folder that many tests share may be another one's.
        """
        path = self._tape.roots.path(name)
        if not name.startswith("<tmp>/") or not self._tape.is_own_output(path):
            return name
        shared = self._tape.on_shelf(path)
        if shared:
            self._tape.note(self._tape.top, Kind.VARIABLE, shared, ABSENT)
        charged = self._reads.charged(path)
        return self._tape.roots.name(charged[1]) if charged is not None else ""

    def _apply(self, context: Context, row: list[Any]) -> None:
        sort, *rest = row
        if sort == "place":
            if rest[0] not in self._tape.loaded and os.path.isfile(rest[0]):
                self._tape.load(rest[0])
            context.places.add((rest[0], rest[1]))
            if rest[1] == BODY_LINE and rest[0] in self._tape.loaded:  # its tests may run there, which are none of ours
                self._tape.note_whole(context, rest[0])
        elif sort == "read":
            name = self._lasting(rest[1])
            if name:
                self._tape.note(context, Kind(rest[0]), name, self._value(Kind(rest[0]), name, rest[2]))
        elif sort == "load":
            loaded = self._tape.load(rest[0])
            context.links.add(loaded.context)
            if loaded.content.hex() != rest[1]:
                context.problems.append(Problem(Reason.INPUT_CHANGED_DURING_RUN, rest[0]))
        elif sort == "listen":
            self._network.served(rest[0])
        elif sort == "problem":
            context.problems.append(Problem(Reason.of(rest[0]), rest[1]))
        elif sort == "wrote":
            self._tape.written.add(rest[0])
            self._tape.touch(rest[0], was_there=rest[1])
