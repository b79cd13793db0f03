"""Fingerprints on real code: the standard library's own modules, rewritten and mutated."""

from __future__ import annotations

import ast
import functools
import io
import random
import re
import sysconfig
import tokenize
import warnings
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from testcache.code.definitions import PROGRAM
from testcache.code.looks import LOCALS
from testcache.code.source import Source, parse

STDLIB = Path(sysconfig.get_paths()["stdlib"])
CORPUS = sorted(path for path in (*STDLIB.glob("*.py"), *STDLIB.glob("*/*.py")) if 500 < path.stat().st_size < 60_000)
"""A few hundred files; the size keeps one example under a tenth of a second."""

real = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
"""The same 40 files every time: a find in the standard library should not fail someone else's change."""

files = st.sampled_from([path for path in CORPUS if "site-packages" not in path.parts])


@functools.lru_cache(maxsize=64)
def _tree(path: Path) -> ast.Module:
    """The tree of a file of the corpus; not to be changed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(path.read_bytes())


def readable(path: Path) -> bytes:
    """The bytes of a file, if Python can parse it (some files of lib2to3 are not meant to be)."""
    try:
        _tree(path)
    except (SyntaxError, ValueError):
        assume(False)
    return path.read_bytes()


def fingerprints(source: Source) -> dict[str, bytes]:
    assert source.parsed
    found = {f"={name}": bytes(defined.digest) for name, defined in source.definitions.items()}
    return {"": source.body, **source.blocks, **found}


def decoded(data: bytes) -> str:
    """The text of a source file, with the line ends that it has."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)


def logical_starts(text: str) -> set[int]:
    """Numbers of lines (from 1) at which a statement starts, so that a line may be put before it."""
    starts: set[int] = set()
    fresh = True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            continue
        if fresh:
            starts.add(token.start[0])
        fresh = token.type == tokenize.NEWLINE
    return starts


@real
@given(files, st.booleans())
def test_printing_the_tree_keeps_every_fingerprint(path: Path, collected: bool) -> None:
    """`ast.unparse` throws away all comments and formatting, and nothing that counts."""
    data = readable(path)
    text = ast.unparse(_tree(path)).encode("utf-8", "surrogatepass")
    again = parse(text, collected=collected)
    assume(again.parsed and ast.dump(ast.parse(text)) == ast.dump(_tree(path)))  # some f-strings do not return
    assert fingerprints(parse(data, collected=collected)) == fingerprints(again)


@real
@given(files, st.randoms(use_true_random=False), st.booleans())
def test_comments_and_blank_lines_keep_every_fingerprint(path: Path, random: random.Random, collected: bool) -> None:
    """Comments and blank lines before any statement, and at the end of the file, do not count."""
    data = readable(path)
    text = decoded(data).replace("\r\n", "\n")
    starts = logical_starts(text)
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        if number in starts and number > 2 and random.random() < 0.2:  # the first two may declare an encoding
            lines.append(random.choice(["", "# a comment", "        # indented", "\t", "\x0c"]))
        lines.append(line)
    after = "\n".join(lines) + "\n# the end"
    encoded = after.encode(tokenize.detect_encoding(io.BytesIO(data).readline)[0])
    assert fingerprints(parse(data, collected=collected)) == fingerprints(parse(encoded, collected=collected))


@real
@given(files)
def test_line_ends_keep_every_fingerprint(path: Path) -> None:
    """Carriage returns, even inside texts of several lines, are line ends to Python."""
    data = readable(path).replace(b"\r\n", b"\n")
    before = fingerprints(parse(data, collected=False))
    assert fingerprints(parse(data.replace(b"\n", b"\r\n"), collected=False)) == before


@real
@given(files)
def test_indentation_keeps_every_fingerprint(path: Path) -> None:
    """One space, a tab or eight spaces a level are the same code."""
    readable(path)
    text = ast.unparse(_tree(path))
    assume("\n" not in "".join(_texts(_tree(path))) and '"""' not in text)
    before = fingerprints(parse(text.encode("utf-8", "surrogatepass"), collected=False))
    for width in (" ", "\t", " " * 8):
        lines = [
            line.replace("    ", width, line[: len(line) - len(line.lstrip())].count("    "))
            for line in text.split("\n")
        ]
        assert fingerprints(parse("\n".join(lines).encode("utf-8", "surrogatepass"), collected=False)) == before


def _texts(tree: ast.Module) -> list[str]:
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


@real
@given(files, st.booleans())
def test_every_code_object_has_a_block(path: Path, collected: bool) -> None:
    """The first line of any code object leads to a block of that qualified name, or to the body."""
    data = readable(path)
    source = parse(data, collected=collected)
    names = {name.partition("#")[0] for name in parse(data, collected=False).blocks}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pending = [compile(data, str(path), "exec", dont_inherit=True)]
    while pending:
        code = pending.pop()
        block = source.block_at(code.co_firstlineno)
        assert not block or block in source.blocks
        assert block in source.mentions
        outermost = code.co_qualname.partition(".<locals>")[0]
        if outermost in names:  # the others are classes, and what 3.12 makes of a type alias
            assert block.partition("#")[0] == outermost
        pending += [part for part in code.co_consts if isinstance(part, type(code))]


MUTATIONS: dict[type[ast.AST], Callable[[ast.AST], None]] = {}


def mutates(*kinds: type[ast.AST]) -> Callable[[Callable[[ast.AST], None]], Callable[[ast.AST], None]]:
    """Register a mutation of these kinds of nodes, in place."""

    def register(mutation: Callable[[ast.AST], None]) -> Callable[[ast.AST], None]:
        MUTATIONS.update(dict.fromkeys(kinds, mutation))
        return mutation

    return register


@mutates(ast.Constant)
def _constant(node: ast.AST) -> None:
    assert isinstance(node, ast.Constant)
    node.value = 12345 if isinstance(node.value, bool) or not isinstance(node.value, int) else node.value + 1
    node.kind = None


@mutates(ast.Name)
def _name(node: ast.AST) -> None:
    assert isinstance(node, ast.Name)
    node.id += "_mutated"


@mutates(ast.Attribute)
def _attribute(node: ast.AST) -> None:
    assert isinstance(node, ast.Attribute)
    node.attr += "_mutated"


@mutates(ast.BinOp, ast.AugAssign)
def _operator(node: ast.AST) -> None:
    assert isinstance(node, (ast.BinOp, ast.AugAssign))
    node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()


@mutates(ast.Compare)
def _comparison(node: ast.AST) -> None:
    assert isinstance(node, ast.Compare)
    node.ops[-1] = ast.Lt() if not isinstance(node.ops[-1], ast.Lt) else ast.GtE()


@mutates(ast.BoolOp)
def _logic(node: ast.AST) -> None:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()


@mutates(ast.arg)
def _parameter(node: ast.AST) -> None:
    assert isinstance(node, ast.arg)
    node.arg += "_mutated"


@mutates(ast.Return)
def _return(node: ast.AST) -> None:
    assert isinstance(node, ast.Return)
    node.value = ast.Constant(54321) if node.value is None else None


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def places(tree: ast.Module) -> list[tuple[ast.AST, int, bool]]:
    """Each node that can be mutated, the line of its outermost function, and whether it is in its body.

    Not a docstring, which is in the body but counts elsewhere.
    """
    found: list[tuple[ast.AST, int, bool]] = []

    def visit(node: ast.AST, line: int, inside: bool) -> None:
        if type(node) in MUTATIONS and not in_text(node):
            found.append((node, line, inside))
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                documents = isinstance(node, ast.Expr) and isinstance(child, ast.Constant)
                if isinstance(child, ast.AST) and not isinstance(node, ast.JoinedStr) and not documents:
                    if isinstance(node, FUNCTIONS) and not inside:
                        visit(child, _first_line(node), name == "body")
                    else:
                        visit(child, line, inside)

    def in_text(node: ast.AST) -> bool:
        return isinstance(node, (ast.JoinedStr, ast.FormattedValue))

    visit(tree, 0, False)
    return found


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return node.decorator_list[0].lineno if node.decorator_list else node.lineno


@real
@given(files, st.randoms(use_true_random=False))
def test_a_mutation_changes_exactly_one_fingerprint(path: Path, random: random.Random) -> None:
    """A constant, operator or name in a function changes its block; elsewhere a definition or the body.

    In a collected file something changes, too: nothing is lost by separating.
    """
    data = readable(path)
    source = parse(data, collected=False)
    before = fingerprints(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(data)
    candidates = places(tree)
    assume(candidates)
    node, line, inside = random.choice(candidates)
    MUTATIONS[type(node)](node)
    try:
        text = ast.unparse(tree).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError):
        assume(False)
    after = parse(text, collected=False)
    assume(after.parsed)  # some mutations are no Python: a number called as a target, `global` of a parameter
    assume(_is_faithful(tree, text))
    now = fingerprints(after)
    changed = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    if inside:  # what a variable is annotated with need not count with what runs
        told = {f"={LOCALS}"}
        assert changed - told == {source.block_at(line)} or (changed == told and _is_told(node, tree))
    else:  # a definition that can no longer be evaluated is one no more, and so are those that need it
        assert changed
        others = (PROGRAM, source.block_at(line))  # a constant that is a default counts for who runs the function, too
        assert "" in changed or all(name[0] == "=" or name in others for name in changed)
    separated = parse(data, collected=True), parse(text, collected=True)
    assert fingerprints(separated[0]) != fingerprints(separated[1])


def _is_told(node: ast.AST, tree: ast.Module) -> bool:
    annotations = (each.annotation for each in ast.walk(tree) if isinstance(each, ast.AnnAssign))
    return any(node is part for annotation in annotations for part in ast.walk(annotation))


def _is_faithful(tree: ast.Module, text: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.dump(ast.parse(text)) == ast.dump(tree)


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_parse_never_raises_on_any_bytes(data: bytes) -> None:
    """Whatever the bytes are, there is an answer, and it is the same twice."""
    for collected in (False, True):
        assert parse(data, collected=collected) == parse(data, collected=collected)


@settings(deadline=None)
@given(files, st.integers(0, 60_000), st.binary(min_size=1, max_size=3), st.integers(0, 3))
def test_parse_never_raises_on_damaged_files(path: Path, at: int, noise: bytes, cut: int) -> None:
    """A file that is being edited may be cut anywhere."""
    data = path.read_bytes()
    at %= len(data)
    parse(data[:at] + noise + data[at + cut :], collected=True)


NAMES = st.sampled_from(["test_a", "test_b", "fix", "helper", "TestC"])
STATEMENTS = st.sampled_from(
    [
        "def {0}(): return {1}",
        "def {0}({1}): return {1}",
        "@pytest.fixture\ndef {0}(): pass",
        "@pytest.fixture(name='{1}')\ndef {0}(): pass",
        "@pytest.mark.parametrize('{1}', [1])\ndef {0}({1}): pass",
        "@pytest.mark.usefixtures('{1}')\ndef {0}(): pass",
        "{0} = {1}",
        "x = '{0}'",
        "class {0}:\n    def {1}(self): pass",
        "class {0}:\n    x = 1\n    def test_m(self, {1}): return {1}",
        "if x:\n    def {0}(): pass",
        "import {0}",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(STATEMENTS, NAMES, NAMES), min_size=1, max_size=8), st.data())
def test_dropping_a_separable_definition_changes_nothing_else(
    parts: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    """Whenever a block is separable, the file without it has the same body and the same other blocks."""
    codes = [code.format(first, second) for code, first, second in parts]
    at = data.draw(st.integers(0, len(codes) - 1))
    head = "import pytest\nx = 1\n"
    source = parse((head + "\n".join(codes) + "\n").encode(), collected=True)
    without = parse((head + "\n".join(codes[:at] + codes[at + 1 :]) + "\n").encode(), collected=True)
    before, after = fingerprints(source), fingerprints(without)
    others = "\n".join(codes[:at] + codes[at + 1 :])
    reads = parts[at][0] in ("def {0}(): return {1}", "{0} = {1}")
    if reads and re.search(
        rf"(def|class) {parts[at][2]}\b", others
    ):  # as long as it is spoken of, that one does not stand alone
        return
    if source.body == without.body and parts[at][1] not in source.definitions:  # it left no trace
        own = {name for name in before if re.split(r"[.\[]", name)[0] == parts[at][1]}
        rest = {name: value for name, value in before.items() if name not in own | {"*"}}
        assert rest.items() <= after.items()
        # and nobody else in the file speaks of it, but for asking by a parameter
        name = parts[at][1]
        assert f"'{name}'" not in others.replace(f"usefixtures('{name}')", "").replace(f"parametrize('{name}'", "")


def test_the_corpus_is_there() -> None:
    """The properties above were tried on real files."""
    assert len(CORPUS) > 200
