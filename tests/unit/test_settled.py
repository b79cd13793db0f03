"""Imports that only bind a name: the table against the running Python, and what an edit of one touches."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from prints import changed, read

from testcache.code import settled

LISTER = "import sys\ndef pytest_load_initial_conftests():\n    print(*sys.modules, file=sys.__stderr__)\n"

MODULE = """
    '''Work.'''
    from __future__ import annotations
    import re
    from typing import TYPE_CHECKING, Any

    if TYPE_CHECKING:
        from shop import Cart

    '''The limit.'''
    LIMIT = 3

    def total(cart: Cart) -> Any:
        return re.sub("a", "b", cart)

    work()
"""


def test_every_name_is_there() -> None:
    """In each supported Python, and taking it gives no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for module, names in settled.SETTLED.items():
            assert names <= vars(importlib.import_module(module)).keys(), module


def test_types_may_stand_where_a_type_is_wanted() -> None:
    """`X | None` can be evaluated for each of them."""
    for dotted in settled.TYPES:
        assert settled.is_there(dotted)
        module, _, name = dotted.rpartition(".")
        assert getattr(importlib.import_module(module), name) | None


def test_pytest_has_loaded_them_all(tmp_path: Path) -> None:
    """So no file of a project can be found in their place."""
    (tmp_path / "lister.py").write_text(LISTER, encoding="utf-8")
    env = {"PYTHONPATH": str(tmp_path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "lister", "--collect-only"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert settled.SETTLED.keys() <= set(done.stderr.split())


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("import re\n", "import re, json\n", {"=json"}),
        ("import re\n", "import re, pytest, unittest\n", {"=pytest", "=unittest"}),
        ("import re\n", "import re\n    from os import path as where\n", {"=where"}),
        ("TYPE_CHECKING, Any", "Any, TYPE_CHECKING, cast", {"=cast"}),
        ("'''Work.'''", "'''Play.'''", {"=__doc__"}),
        ("'''Work.'''\n    ", "", {"=__doc__"}),
        ("The limit", "A limit", {"=__doc__"}),
        ("import Cart", "import Cart, Item", {"=TYPE_CHECKING"}),
        ("if TYPE_CHECKING", "if Any", {"", "=TYPE_CHECKING", "=LIMIT", "=total", "=&total"}),
        ("    if TYPE_CHECKING:\n        from shop import Cart\n", "    from shop import Cart\n", None),
    ],
)
def test_an_edit_counts_under_its_name(old: str, new: str, names: set[str] | None) -> None:
    """Imports of what is loaded anyway, texts that stand alone, and what type checkers read, concern nobody else."""
    assert MODULE.count(old) == 1
    found = changed(MODULE, MODULE.replace(old, new))
    assert found == names if names is not None else "" in found


@pytest.mark.parametrize(
    "line",
    [
        "import shop",
        "import json.tool",
        "import xml.etree",
        "from . import json",
        "from typing import override",
        "from json import *",
        "from __future__ import division",
        "import re as __name__",
        "import re as pytest_plugins",
        "from unittest import IsolatedAsyncioTestCase",
        "import re; re = 1",
        "try: import json\nexcept ImportError: pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import shop\nelse: work()",
        "TYPE_CHECKING = work()\nif TYPE_CHECKING: import shop",
        "if TYPE_CHECKING: import shop\nfrom typing import TYPE_CHECKING",
        "__doc__ = work()",
        "if __name__ == '__main__': work()\nelse: play()",
        "if __name__ == '__main__' or DEBUG: work()",
        "if __name__ != '__main__': work()",
        "'PYTEST_DONT_REWRITE'",
    ],
)
def test_what_may_do_more_counts_for_everybody(line: str) -> None:
    """Whatever may fail, run other code, or mean something else, is in the body."""
    assert read(f"{line}\n").body != read("").body


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("work()", "play()", {"__main__"}),
        ("__name__ ==", "__file__ ==", {"", "__main__"}),
        ("import sys", "import sys, sqlite3", {"__main__"}),
        ("def work", "work()\ndef work", {"", "__main__", "=work"}),
    ],
)
def test_what_only_a_program_runs(old: str, new: str, names: set[str]) -> None:
    """It is a block of its own, and so is what that needs to be there."""
    code = "def work(): return 1\nif __name__ == '__main__':\n    import sys\n    work()\n"
    assert changed(code, new.join(code.rsplit(old, 1))) == names


def test_who_has_a_module_described_rests_on_all_of_it() -> None:
    """Also if it is named by a text: the docstring is a part of that."""
    for call in ("pydoc.render_doc('shop.cart')", "help('shop.cart')", "pydoc.render_doc(cart)"):
        source = read(f"import pydoc\nfrom shop import cart\ndef show(): return {call}\n")
        assert "*cart" in source.mentions["show"] or "*" in source.mentions["show"]
    assert "*" not in read("def show(self): return self.help()\n").mentions["show"]


def test_names_that_nothing_else_wants_are_no_names_of_other_files() -> None:
    """A file that imports `Any` from typing does not care whether another file of the project has an `Any`."""
    source = read(MODULE)
    assert source.imported.isdisjoint({"typing", "Any", "re", "shop", "Cart"})
