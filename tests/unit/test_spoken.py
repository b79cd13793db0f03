"""By which words code picks variables out of the whole environment."""

from __future__ import annotations

import re
import sys

import pytest

from testcache.inputs.roots import Roots
from testcache.inputs.variables import Variables
from testcache.model import ABSENT
from testcache.recording.spoken import names_in_code, names_in_data, patterns

NAMES = re.compile("^WEB_[A-Z]+$")


class Settings:
    port_number: int

    def look(self) -> set[str]:
        return patterns(sys._getframe(), lambda _: True, ["TOKEN_NAME"])


def test_a_class_may_get_fields_later() -> None:
    """What was found out about it before is not what it says now."""

    class Late:
        host_name: str

    def look(_: type) -> set[str]:
        return patterns(sys._getframe(), lambda _: True, ["TOKEN_NAME"])

    later = "_".join(["disk", "size"])  # no text of the code itself
    assert "*host_name" in look(Late)
    assert f"*{later}" not in look(Late)
    Late.__annotations__[later] = int
    assert {"*host_name", f"*{later}"} <= look(Late)


def test_a_prefix_and_a_name() -> None:
    """What a function is given, what it names itself, and what a module keeps."""

    def look(prefix: str) -> set[str]:
        return (
            patterns(sys._getframe(), lambda _: True, ["TOKEN_NAME"])
            if NAMES.pattern != prefix != "database_url"
            else set()
        )

    found = look("APP_")
    assert {"app_*", "*database_url"} <= found
    assert "web_*" in found


def test_no_text_that_is_no_name_is_kept() -> None:
    """A pattern is stored as it is: what a variable or a function holds may be a secret."""

    def look(token: str) -> set[str]:
        return patterns(sys._getframe(), lambda _: True, ["TOKEN_NAME"]) if token and "hunter2" else set()

    for secret in ("".join(reversed("EULAV_TERCES")), "".join(reversed("terces"))):  # not written as it is
        assert not {name for name in look(secret) if "secret" in name}
    assert not {name for name in look("x") if "hunter" in name}
    assert "token_na*" in look("".join(reversed("AN_NEKOT")))


def test_the_fields_of_a_class() -> None:
    """Those of the object whose method goes through it, and their own."""
    assert {"*port_number", "port_number__*"} <= Settings().look()


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x['SHOP_MODE']", {"SHOP_MODE"}),
        ("x.get('debug')", {"debug", "DEBUG"}),
        ("'debug' not in x", {"debug", "DEBUG"}),
        ("NAMES = {'CI', \"shop_url\"}", {"CI", "shop_url", "SHOP_URL"}),
        ("load('SHOP_'), f'APP_{name}'", {"shop_*", "app_*"}),
        ("get('shop-port')", {"shop_port", "SHOP_PORT"}),
        ("c.getint('a', 'port')", {"port", "PORT"}),
        ("read('[a]\\nurl = x/%(port)s, %(f)d')", {"port", "PORT"}),
        ("print('debug', 'a b', it's, 'x/y', \"é\")", set()),
    ],
)
def test_names_in_code(code: str, names: set[str]) -> None:
    """What stands in quotes and looks like a name of a variable, or is looked up."""
    assert names_in_code(code) == names


def test_names_in_data() -> None:
    """What is marked as to be filled in."""
    assert names_in_data("$A1 ${B1:-x} {C1} {{ D1 }} {{ env.E1 }} %(F1)s G1 $h1 {i1}") == {
        "A1",
        "B1",
        "C1",
        "D1",
        "E1",
        "F1",
    }
    assert names_in_data("port = %(port)s, %(f)d, ${a:url}") == {"port", "PORT", "url", "URL"}


@pytest.mark.parametrize(
    ("pattern", "name"), [("app_*", "APP_PORT"), ("app_*", "app_"), ("*port", "PORT"), ("*port", "App_Port")]
)
def test_the_variables_that_a_pattern_means(pattern: str, name: str) -> None:
    """In capitals or not; another one changes nothing."""
    roots = Roots("/nowhere")
    others = {"BUILD": "1", "XAPP_PORTS": "2"}

    def fingerprint(env: dict[str, str]) -> bytes:
        return Variables(env, roots, b"salt").fingerprint(pattern)

    assert fingerprint(others) == ABSENT
    assert fingerprint({name: "1"}) == fingerprint({name: "1", **others})
    assert len({fingerprint({name: "1"}), fingerprint({name: "2"}), ABSENT}) == 3
