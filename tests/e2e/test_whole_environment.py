"""Code that goes through the whole environment rests on the variables that it picks out, in whatever way."""

from __future__ import annotations

import pytest
from harness import Project

PICKING = {
    "a part of a name": ('[name for name in os.environ if "TOKEN" in name]', "MY_TOKEN_A"),
    "a pattern": ('[name for name in os.environ if re.match("(?i)app[_-]x", name)]', "APP_X"),
    "an end in any case": ('[name for name in os.environ if name[-5:].lower() == "proxy"]', "NO_PROXY"),
    "proxies, by the standard library": ("list(urllib.request.getproxies())", "HTTP_PROXY"),
}


@pytest.mark.parametrize(("found", "name"), PICKING.values(), ids=PICKING)
def test_a_variable_that_is_picked_out(project: Project, found: str, name: str) -> None:
    """It is set, and the test runs; it does not for a variable that nobody picks out."""
    project.write("app.py", f"import os, re, urllib.request\ndef names():\n    return {found}\n")
    project.write("test_it.py", "import app\ndef test_it(): assert app.names() == []\n")
    assert project.run().exit == 0
    assert project.run(env={"BUILD": "7"}).executed == set()
    assert project.run(env={name: "1"}).outcomes == {"test_it.py::test_it": "failed"}
