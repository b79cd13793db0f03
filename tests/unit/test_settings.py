"""Settings: defaults, both files, and messages that name file, key, value and what was expected."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testcache.errors import SettingError
from testcache.quantities import Audit
from testcache.settings import DeclaredInputs, Settings, load

EVERYTHING = """
recorder = "probes"
mode = "read"
store = "../shared store"
max-size = "5GiB"
max-age = "2w"
traces-per-test = 3
env = ["TZ", "LANG"]
never = ["tests/slow"]
ignore = ["build/**"]
audit = "2%"
first-party = ["vendored"]
inputs = [{ files = ["data/*.db"], for = ["tests/test_db.py"] }]
[network]
allow = { "api.example.com" = "1d" }
[processes]
trusted = ["git"]
"""


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(SettingError) as caught:
        load(folder)
    return str(caught.value)


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    """A project without settings gets the documented defaults."""
    settings = load(tmp_path)
    assert settings == Settings()
    assert (settings.recorder, settings.store, settings.mode) == ("auto", ".testcache", "on")
    assert (settings.max_size, settings.max_age, settings.traces_per_test) == (2**30, 30 * 86400, 8)


def test_every_key_is_read(tmp_path: Path) -> None:
    """Every key of the table can be set, and arrives as bytes, seconds and tuples."""
    settings = load(write(tmp_path, ".testcache.toml", EVERYTHING))
    assert (settings.recorder, settings.mode, settings.store) == ("probes", "read", "../shared store")
    assert (settings.max_size, settings.max_age, settings.traces_per_test) == (5 * 2**30, 14 * 86400, 3)
    assert (settings.env, settings.never, settings.ignore) == (("TZ", "LANG"), ("tests/slow",), ("build/**",))
    assert settings.inputs == (DeclaredInputs(("data/*.db",), ("tests/test_db.py",)),)  # type: ignore[arg-type]
    assert settings.network.allow == {"api.example.com": 86400}
    assert settings.processes.trusted == ("git",)
    assert (settings.audit, settings.first_party) == (Audit(share=0.02), ("vendored",))


def test_pyproject_says_the_same(tmp_path: Path) -> None:
    """`[tool.testcache]` takes the same keys as `.testcache.toml`."""
    own, shared = tmp_path / "own", tmp_path / "shared"
    own.mkdir()
    shared.mkdir()
    moved = EVERYTHING.replace("[network]", "[tool.testcache.network]").replace("[proc", "[tool.testcache.proc")
    write(own, ".testcache.toml", EVERYTHING)
    write(shared, "pyproject.toml", "[tool.testcache]" + moved)
    assert load(own) == load(shared) != Settings()


def test_a_pyproject_without_our_table_is_no_settings(tmp_path: Path) -> None:
    """Naming testcache among the dependencies is no setting."""
    write(tmp_path, "pyproject.toml", '[project]\nname = "x"\ndependencies = ["testcache"]\n')
    assert load(tmp_path) == Settings()


def test_a_broken_pyproject_that_is_not_about_us_is_not_our_business(tmp_path: Path) -> None:
    """A foreign file is not even parsed."""
    assert load(write(tmp_path, "pyproject.toml", "[tool.other\n")) == Settings()


def test_both_files_are_refused(tmp_path: Path) -> None:
    """Two places for one truth are an error that names both."""
    write(tmp_path, ".testcache.toml", "")
    write(tmp_path, "pyproject.toml", "[tool.testcache]\n")
    message = refusal(tmp_path)
    assert ".testcache.toml" in message
    assert "[tool.testcache] in pyproject.toml" in message


def test_a_bad_size_is_named_in_full(tmp_path: Path) -> None:
    """The message has the file, the section, the key, the value and what was expected."""
    write(tmp_path, "pyproject.toml", '[tool.testcache]\nmax-size = "5 gigs"\n')
    assert refusal(tmp_path) == (
        'pyproject.toml: [tool.testcache] max-size = "5 gigs": expected a whole number and KiB, MiB or GiB, '
        'such as "5GiB" [setting-value]'
    )


def test_an_unknown_key_gets_a_guess(tmp_path: Path) -> None:
    """A slip of the pen is answered with the nearest key, and with all of them."""
    message = refusal(write(tmp_path, ".testcache.toml", 'max_sise = "5GiB"\n'))
    assert message.startswith('.testcache.toml: max_sise = "5GiB": expected one of audit, env, ')
    assert message.endswith("(did you mean max-size?) [setting-unknown]")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("traces-per-test = 0", "traces-per-test = 0: expected a whole number from 1 to 64"),
        ("traces-per-test = true", "traces-per-test = true: expected a whole number from 1 to 64"),
        ("traces-per-test = 65", "traces-per-test = 65: expected a whole number from 1 to 64"),
        ('recorder = "magic"', 'recorder = "magic": expected "auto", "monitoring", "probes" or "coverage"'),
        ('mode = "write"', 'mode = "write": expected "on", '),
        ("max-size = 5", "max-size = 5: expected a whole number and KiB"),
        ('max-size = "0GiB"', 'max-size = "0GiB": expected'),
        ('max-age = "-1d"', 'max-age = "-1d": expected a whole number and s, m, h, d or w'),
        ('max-age = "\u0661d"', 'max-age = "\u0661d": expected'),
        ('store = ""', 'store = "": expected a folder'),
        ('env = "TZ"', 'env = "TZ": expected a list of texts'),
        ("env = [1]", "env = [1]: expected a list of texts"),
        ('never = [""]', 'never = [""]: expected a list, each a test'),
        ("ignore = ['a\\b']", 'ignore = ["a\\\\b"]: expected a list, each a path'),
        ('audit = "101%"', 'audit = "101%": expected a share such as "2%"'),
        ('audit = "5"', 'audit = "5": expected a share such as "2%"'),
        ("inputs = 3", "inputs = 3: expected a list of tables"),
        ("inputs = [3]", "[inputs] 3: expected a table"),
        ('inputs = [{ files = ["a"] }]', "[inputs] for is missing: expected a list"),
        (
            'inputs = [{ files = ["a"], fro = ["b"] }]',
            '[inputs] fro = ["b"]: expected one of files, for',
        ),
        ("network = 1", "network = 1: expected a table [network]"),
        (
            'network.allow = { "a.b" = "soon" }',
            '[network] allow = {"a.b": "soon"}: expected a table',
        ),
        ("processes.trusted = 2020-01-01", '[processes] trusted = "2020-01-01": expected a list of program'),
    ],
)
def test_each_bad_value_is_refused(tmp_path: Path, text: str, start: str) -> None:
    """A value that is not understood stops the run; nothing is guessed."""
    assert refusal(write(tmp_path, ".testcache.toml", text + "\n")).startswith(f".testcache.toml: {start}")


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    """What was expected stays in sight, however long the value is."""
    assert len(refusal(write(tmp_path, ".testcache.toml", f'env = "{"x" * 5000}"\n'))) < 400


@pytest.mark.parametrize("data", [b"max-size = \n", b'store = "\xff"\n'])
def test_what_is_not_toml_is_refused(tmp_path: Path, data: bytes) -> None:
    """Text that is not TOML in UTF-8 is an error that names the file."""
    (tmp_path / ".testcache.toml").write_bytes(data)
    assert refusal(tmp_path).startswith(".testcache.toml: expected TOML in UTF-8: ")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Settings that are there but cannot be read are not taken for no settings."""
    (tmp_path / ".testcache.toml").mkdir()
    assert refusal(tmp_path) == ".testcache.toml: cannot be read: Is a directory [setting-file]"


def test_the_exit_code_is_that_of_a_usage_error(tmp_path: Path) -> None:
    """A mistake in the settings ends as pytest's usage errors do."""
    with pytest.raises(SettingError) as caught:
        load(write(tmp_path, ".testcache.toml", "x = 1\n"))
    assert caught.value.exit_code == 4


def test_no_settings_cost_no_imports(tmp_path: Path) -> None:
    """A project without settings pays for no TOML, nor for messages about it."""
    program = (
        "import sys; from pathlib import Path; from testcache.settings import load; load(Path(sys.argv[1]));"
        "print(sorted({'tomllib', 'json', 'difflib'} & set(sys.modules)))"
    )
    write(tmp_path, "pyproject.toml", '[project]\nname = "x"\n')
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
