"""Child processes: Python children are recorded and joined to whoever started them.

A child is given `TESTCACHE_CHILD` in its environment, by which a start-up hook in the same
interpreter's site folder begins recording into the spool. A child that cannot be observed (another
program, another interpreter, `os.system`) keeps its test from being stored, unless the settings
trust its executable; then the executable and the files named in its arguments are inputs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from typing import Any

from testcache.model import Digest, Kind
from testcache.reasons import Reason
from testcache.recording.context import Context, Problem
from testcache.recording.network import Network
from testcache.recording.origin import Origin
from testcache.recording.reads import Reads
from testcache.recording.spool import Reader, Writer
from testcache.recording.tape import Tape

CHILD_VARIABLE = "TESTCACHE_CHILD"

HARMLESS = frozenset({"uname", "true", "false", "hostname", "ldconfig", "lsb_release", "objdump", "sw_vers"})
"""Programs that libraries start to ask about the machine, which is part of the environment key."""


class Processes:
    """Watches the starts of processes and collects what recorded children report."""

    def __init__(self, tape: Tape, origin: Origin, reads: Reads, network: Network, trusted: Collection[str]) -> None:
        self._tape = tape
        self._origin = origin
        self._reads = reads
        self._network = network
        self._trusted = frozenset(trusted) | HARMLESS
        self.folder = tempfile.mkdtemp(prefix="testcache-")
        self._reader = Reader(self.folder)
        self._spawned: dict[str, Context] = {}
        self._seen: set[str] = set()
        self._expected: dict[str, tuple[Context, str]] = {}
        self._original: Any = None
        self._count = 0
        self._owner = os.getpid()
        self.handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "os.system": lambda args: self._unobserved(f"os.system({args[0]!r})"),
            "os.posix_spawn": lambda args: self._spawn_like(args[0], args[1]),
            "os.exec": lambda args: self._unobserved(f"os.exec({args[0]!r})"),
            "os.forkpty": lambda args: self._unobserved("os.forkpty()"),
            "pty.spawn": lambda args: self._unobserved("pty.spawn()"),
        }

    # -- installing

    def install(self) -> None:
        """Wrap the one place where `subprocess` starts a child; follow forks."""
        self._original = subprocess.Popen._execute_child  # type: ignore[attr-defined]
        subprocess.Popen._execute_child = self._execute_child(self._original)  # type: ignore[attr-defined]
        os.register_at_fork(after_in_child=self._forked)

    def uninstall(self) -> None:
        """Put it back and drop the spool."""
        if self._original is not None:
            subprocess.Popen._execute_child = self._original  # type: ignore[attr-defined]
            self._original = None
        if os.getpid() == self._owner:
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- starting

    def _execute_child(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def _execute_child(
            popen: Any, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any,
            cwd: Any, env: Any, *rest: Any, **options: Any,
        ) -> Any:  # fmt: skip
            if self._original is not None and self._origin.find()[1]:
                env = self._starting(args, executable, cwd, env, bool(options.get("shell") or self._is_shell(rest)))
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
        found = self._find_program(program, cwd, env)
        if self._is_python(found):
            return self._recorded_child(words, cwd, env)
        if os.path.basename(program) in self._trusted:
            self._trust(found, words[1:], cwd)
        elif self._is_python_script(found):
            self._reads.file(self._tape.top, found)
            return self._recorded_child(words, cwd, env)
        else:
            self._unobserved(" ".join(words)[:200])
        return env

    @staticmethod
    def _find_program(program: str, cwd: Any, env: Any) -> str:
        if os.sep in program:
            return os.path.abspath(os.path.join(os.fsdecode(cwd) if cwd else ".", program))
        search = env.get("PATH") if env is not None and "PATH" in env else os.environ.get("PATH", os.defpath)
        return shutil.which(program, path=search) or program

    @staticmethod
    def _is_python(program: str) -> bool:
        if program == sys.executable:
            return True
        same = os.path.basename(program).startswith("python") and os.path.exists(program)
        return same and os.path.dirname(program) == os.path.dirname(sys.executable)

    def _is_python_script(self, program: str) -> bool:
        """A console script whose first line names this interpreter is a recorded child too."""
        try:
            with open(program, "rb") as file:
                first = file.readline(512)
        except OSError:
            return False
        return first.startswith(b"#!") and self._is_python(os.fsdecode(first[2:].strip().split(b" ")[0] or b"?"))

    def _recorded_child(self, words: list[str], cwd: Any, env: Any) -> dict[Any, Any]:
        context = self._tape.top
        flags = [word for word in words[1:] if word.startswith("-")]
        if any(flag in ("-S", "-I", "-E", "-IS", "-SI") for flag in flags[:3]) and "-S" in "".join(flags[:3]):
            self._unobserved(" ".join(words)[:200])
        self._count += 1
        key = f"{self._owner}-{self._count}"
        self._spawned[key] = Context(f"child {' '.join(words)[:80]}")
        context.links.add(self._spawned[key])
        self._expected[key] = (context, " ".join(words)[:200])
        inherited = dict(os.environ) if env is None else dict(env)
        value = os.pathsep.join((self.folder, key, self._tape.roots.rootdir))
        if any(isinstance(name, bytes) for name in inherited):
            inherited[os.fsencode(CHILD_VARIABLE)] = os.fsencode(value)
        else:
            inherited[CHILD_VARIABLE] = value
        return inherited

    def _trust(self, program: str, words: list[str], cwd: Any) -> None:
        context = self._tape.top
        if os.path.basename(program) not in HARMLESS:
            self._reads.file(context, program)
        for word in words:
            path = os.path.abspath(os.path.join(os.fsdecode(cwd) if cwd else ".", word))
            if os.path.isfile(path) and not self._tape.roots.is_ignored(path) and not self._tape.is_own_output(path):
                self._reads.file(context, path)

    def _spawn_like(self, program: Any, words: Any) -> None:
        name = os.path.basename(os.fsdecode(program))
        if name not in self._trusted and not self._in_subprocess():
            self._unobserved(f"posix_spawn {os.fsdecode(program)}")

    @staticmethod
    def _in_subprocess() -> bool:
        """`subprocess` itself may spawn by posix_spawn; that start was looked at already."""
        frame: Any = sys._getframe(1)
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

    def _forked(self) -> None:
        """In a forked child: from now on everything is written to the spool as it happens."""
        if self._original is None:
            return
        stream_to(self._tape, Writer(self.folder, "fork"), self._network)

    # -- collecting

    def collect(self) -> None:
        """Join what children reported since the last call to whoever started them, and to the top context.

        The top context counts too because a child may outlive the test that started it and work for
        later ones.
        """
        for key, row in self._reader.rows():
            self._seen.add(key)
            for context in {self._spawned.get(key, self._tape.top), self._tape.top}:
                self._apply(context, row)

    def _apply(self, context: Context, row: list[Any]) -> None:
        sort, *rest = row
        if sort == "place":
            context.places.add((rest[0], rest[1]))
            if rest[0] not in self._tape.loaded and os.path.isfile(rest[0]):
                self._tape.load(rest[0])
        elif sort == "read":
            self._tape.note(context, Kind(rest[0]), rest[1], Digest(bytes.fromhex(rest[2])))
        elif sort == "load":
            loaded = self._tape.load(rest[0])
            context.links.add(loaded.context)
            if loaded.content.hex() != rest[1]:
                context.problems.append(Problem(Reason.INPUT_CHANGED_DURING_RUN, rest[0]))
        elif sort == "listen":
            self._network.served(rest[0])
        elif sort == "problem":
            context.problems.append(Problem(Reason(rest[0]), rest[1]))
        elif sort == "wrote":
            self._tape.written.add(rest[0])

    def missing(self) -> None:
        """Charge each recorded child that never reported with not having been observed."""
        for key, (context, words) in list(self._expected.items()):
            if key not in self._seen:
                context.problems.append(Problem(Reason.STARTED_A_PROCESS, f"{words} did not report to the recorder"))
            del self._expected[key]


def stream_to(tape: Tape, writer: Writer, network: Network) -> None:
    """Make a tape write every charge to the spool at the moment it happens (in child processes)."""
    writer.write("pid", os.getpid())
    tape.stream = writer.write
    network.on_listen = lambda port: writer.write("listen", port)
    if tape.recorder is not None:
        tape.recorder.streamed(lambda place: writer.write("place", *place))
