"""What tests read is not kept, only digests of it; what they print is part of their result."""

from __future__ import annotations

from harness import Project

from testcache.storage.store import Store

TOKEN, WORD, CONTENT, OPTION = "token-5f1c", "SWORDFISH_77", "content-77ab", "option-91de"

TESTS = """
import os, pytest

def test_reads(request):
    assert os.environ["API_TOKEN"] and open("secret.txt").read() and request.config.getoption("--password")

def test_goes_through_all():
    token, word = os.environ["API_TOKEN"], os.environ["API_WORD"]
    for _ in range(2):
        found = [value for name, value in os.environ.items() if name.startswith("API")]
        for name, value in os.environ.items():
            held = value
    assert {token, word} <= set(found)

def test_fails_with_it():
    assert os.environ["API_TOKEN"] == open("secret.txt").read()
"""


def test_no_value_is_readable_in_the_store(project: Project) -> None:
    """Values of variables and options and contents of files are nowhere in the store, nor is what a failure shows."""
    project.write("conftest.py", "def pytest_addoption(parser): parser.addoption('--password')\n")
    project.write("secret.txt", CONTENT)
    project.write("test_it.py", TESTS)
    env = {"API_TOKEN": TOKEN, "API_WORD": WORD, "ZZ": WORD}
    for _ in range(2):
        run = project.run(f"--password={OPTION}", env=env)
        assert run.outcomes["test_it.py::test_reads"] == "passed"
        assert run.outcomes["test_it.py::test_goes_through_all"] == "passed"
    project.cli("run", "-p", "testcache.plugin", f"--password={OPTION}", env=env)
    folder = project.path / ".testcache"
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    with Store.open(folder, readonly=True, size_limit_bytes=1 << 30) as store:
        for space in ("manifest", "history", "index", "source", "timings", "quarantine", "meta"):
            kept += b"".join(store.get(space, key) or b"" for key in store.keys(space))
    assert b"api_token" in kept.lower()  # names are, and what is kept can be searched
    for secret in (TOKEN, WORD, CONTENT, OPTION):
        assert secret.lower().encode() not in kept.lower(), secret
    assert run.outcomes["test_it.py::test_fails_with_it"] == "failed"
