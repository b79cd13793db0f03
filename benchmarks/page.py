"""The page of results: tables in Markdown and two charts in SVG."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.measure import Ran, Series
from benchmarks.scale import INPUTS, TESTS_PER_FILE, Point
from benchmarks.suites import Suite
from benchmarks.tools import BARE
from testcache.report import seconds

COLOURS = {"pytest": "#8a8f98", "testcache": "#2f6fde", "testmon": "#d9822b", "blast-radius": "#9b59b6"}


@dataclass(frozen=True)
class Row:
    """All that was measured on one suite, by tool."""

    suite: Suite
    cold: dict[str, Series]
    warm: dict[str, Series]
    quick: dict[str, Series]
    edited: dict[str, Ran]


def times(series: Series, base: Series) -> str:
    """`1.20 (1.15-1.31)`: the median ratio, and the least and greatest."""
    least, middle, most = series.over(base)
    return f"{middle:.2f} ({least:.2f}-{most:.2f})"


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Three tables with one line a suite."""
    tools = [name for name in rows[0].cold if name != BARE.name]
    yield "### Everything runs: CPU seconds over bare pytest's"
    yield ""
    yield from _head(["suite", "bare, s", *tools])
    for row in rows:
        base = row.cold[BARE.name]
        yield _line([row.suite.name, f"{base.median:.2f}", *(times(row.cold[tool], base) for tool in tools)])
    yield ""
    yield "### Nothing changed: CPU seconds over pytest's floor, every test file ignored"
    yield ""
    run, start = "testcache run", "python -c pass"
    yield from _head(["suite", "floor, s", "bare", *tools, f"`{run}` over `{start}`"])
    for row in rows:
        base = row.warm["floor"]
        ratios = [times(row.warm[tool], base) for tool in (BARE.name, *tools)]
        yield _line([row.suite.name, f"{base.median:.2f}", *ratios, times(row.quick[run], row.quick[start])])
    yield ""
    yield "### One function edited: CPU seconds, and tests that ran"
    yield ""
    yield from _head(["suite", "bare, s", *tools])
    for row in rows:
        cells = [f"{row.edited[tool].cpu_s:.2f}, {row.edited[tool].executed}" for tool in tools]
        yield _line([row.suite.name, f"{row.cold[BARE.name].median:.2f}", *cells])


def _head(cells: Sequence[str]) -> Iterator[str]:
    yield _line(cells)
    yield _line(["---", *("---:" for _ in cells[1:])])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def growth(points: Sequence[Point]) -> Iterator[str]:
    """One line a size."""
    yield from _head(
        ["tests", "bare, s", "recording", "warm, s", "floor, s", "`testcache run`: full check, s",
         "by its seal, s", "in a fresh copy, s", "MiB", "store, bytes a test"]
    )  # fmt: skip
    for p in points:
        seconds = (f"{value:.2f}" for value in (p.warm_s, p.floor_s, p.check_s, p.seal_s, p.clone_s))
        ratio = f"{p.cold_s / p.bare_s:.2f}"
        yield _line(
            [f"{p.tests:,}", f"{p.bare_s:.1f}", ratio, *seconds, f"{p.peak_mib:.0f}", f"{p.store / p.tests:.0f}"]
        )


def bars(rows: Sequence[Row]) -> str:
    """A chart of the cold and the warm ratios: a group of bars for each suite, one bar a tool."""
    tools = [name for name in rows[0].cold if name != BARE.name]
    groups = [
        (f"{row.suite.name}: {title}", [(tool, found[tool].over(base)[1]) for tool in tools])
        for title, part in (("everything runs", "cold"), ("nothing changed", "warm"))
        for row in rows
        for found, base in [(getattr(row, part), getattr(row, part)[BARE.name])]
    ]
    longest = max(value for _, values in groups for _, value in values)
    scale = 420 / max(longest, 1.0)
    shapes: list[str] = []
    y = 34
    for title, values in groups:
        shapes.append(f'<text x="188" y="{y + 7 * len(values)}" text-anchor="end">{title}</text>')
        for tool, value in values:
            shapes.append(f'<rect x="196" y="{y}" width="{value * scale:.1f}" height="11" fill="{COLOURS[tool]}"/>')
            shapes.append(f'<text x="{200 + value * scale:.1f}" y="{y + 10}">{value:.2f}</text>')
            y += 13
        y += 10
    bare = 196 + scale
    shapes.append(f'<line x1="{bare}" y1="26" x2="{bare}" y2="{y}" stroke="#8a8f98" stroke-dasharray="3 3"/>')
    legend = "".join(
        f'<rect x="{196 + 120 * at}" y="8" width="11" height="11" fill="{COLOURS[tool]}"/>'
        f'<text x="{211 + 120 * at}" y="18">{tool}</text>'
        for at, tool in enumerate(tools)
    )
    return _svg(690, y + 8, legend + "".join(shapes))


def curve(points: Sequence[Point]) -> str:
    """A chart of seconds over the number of tests, both logarithmic."""
    from math import log10

    lines = (
        ("bare pytest", "bare_s", COLOURS["pytest"]),
        ("recording", "cold_s", "#13315c"),
        ("nothing changed", "warm_s", COLOURS["testcache"]),
        ("testcache run, full check", "check_s", "#2a9d8f"),
        ("testcache run, by its seal", "seal_s", "#8ab17d"),
    )
    left, right = log10(points[0].tests), log10(points[-1].tests)
    values = [getattr(point, name) for point in points for _, name, _ in lines]
    low, high = log10(min(values)), log10(max(values))

    def x(tests: float) -> float:
        return 70 + 400 * (log10(tests) - left) / ((right - left) or 1)

    def y(seconds: float) -> float:
        return 270 - 240 * (log10(seconds) - low) / ((high - low) or 1)

    shapes = [f'<text x="{x(p.tests):.0f}" y="290" text-anchor="middle">{p.tests:,}</text>' for p in points]
    for title, name, colour in lines:
        places = [(x(p.tests), y(getattr(p, name))) for p in points]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point, (px, py) in zip(points, places, strict=True):
            shapes.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>')
            shapes.append(f'<text x="{px + 6:.1f}" y="{py - 5:.1f}">{seconds(getattr(point, name))}</text>')
        shapes.append(f'<text x="{places[-1][0] + 78:.1f}" y="{places[-1][1] + 4:.1f}" fill="{colour}">{title}</text>')
    return _svg(740, 300, "".join(shapes))


def _svg(width: int, height: int, inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11"><rect width="{width}" height="{height}" fill="#ffffff"/>{inside}</svg>\n'
    )


def write(docs: Path, rows: Sequence[Row], points: Sequence[Point], rounds: int) -> None:
    """Write `benchmarks.md` and its charts."""
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 2**30
    lines = [
        "# Benchmarks",
        "",
        f"Made by `make bench` on {datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}: "
        f"Python {platform.python_version()}, {platform.system()}, {cores} cores, {memory:.0f} GiB.",
        "CPU seconds of all processes of a run. Each tool in turn, in "
        f"{rounds} rounds; ratios are medians of the rounds, least and greatest in brackets. The peers are "
        "pytest-testmon 2.2.0 and pytest-blast-radius 0.2.0 (Python 3.12 and later).",
        "",
    ]
    if rows:
        lines += [f"- {row.suite.name}: {row.suite.about}" for row in rows]
        lines += ["", *table(rows), "", "![Ratios to bare pytest, shorter is better](benchmarks.svg)", ""]
        (docs / "benchmarks.svg").write_text(bars(rows))
    if points:
        lines += [
            "## Many tests",
            "",
            f"Generated: {TESTS_PER_FILE} tests a file, each of which calls functions of {INPUTS} modules.",
            "",
            *growth(points),
            "",
        ]
        if len(points) > 1:
            lines += ["![Seconds over the number of tests](benchmarks-scale.svg)", ""]
            (docs / "benchmarks-scale.svg").write_text(curve(points))
    (docs / "benchmarks.md").write_text("\n".join(lines))
