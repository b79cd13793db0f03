"""Draw docs/schedules.svg: how efficient simulated schedules of real suites are, with 2 to 64 workers.

Usage: python scripts/draw_schedules.py [FILE]   (a test keeps the chart current)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import log2
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE / "tests"))

from schedule import Suite, simulate  # noqa: E402

SUITES = {"networkx": "#2f6fde", "attrs": "#2a9d8f", "marshmallow": "#d9822b"}
WORKERS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
LEFT, TOP, WIDTH, HEIGHT = 56, 40, 460, 240


def x(workers: float) -> float:
    """Where a number of workers is: each doubling as wide as the one before."""
    return LEFT + WIDTH * (log2(workers) - 1) / 5


def y(efficiency: float) -> float:
    """Where an efficiency from 0 to 1 is."""
    return TOP + HEIGHT * (1 - efficiency)


def line(efficiency: Callable[[int], float], colour: str, dashes: str = "") -> str:
    """One curve."""
    path = " ".join(f"{x(workers):.1f},{y(efficiency(workers)):.1f}" for workers in WORKERS)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'


def curves(name: str, colour: str) -> str:
    """What is possible for a suite, dashed, and what its schedules reach."""
    suite = Suite.load(name)
    total = sum(suite.seconds)
    return line(lambda workers: total / workers / suite.bound(workers), colour, "2 4") + line(
        lambda workers: total / workers / simulate(suite, workers)[0], colour
    )


def chart() -> str:
    """The whole picture."""
    shapes = [
        f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y(part / 4):.1f}" y2="{y(part / 4):.1f}" stroke="#e3e5e8"/>'
        f'<text x="{LEFT - 8}" y="{y(part / 4) + 4:.1f}" text-anchor="end">{25 * part}%</text>'
        for part in range(5)
    ]
    shapes += [
        f'<text x="{x(workers):.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{workers}</text>'
        for workers in (2, 4, 8, 16, 32, 64)
    ]
    for number, (name, colour) in enumerate(SUITES.items()):
        left = LEFT + 110 * number
        shapes.append(f'<rect x="{left}" y="12" width="11" height="11" fill="{colour}"/>')
        shapes.append(f'<text x="{left + 16}" y="22">{name}</text>')
        shapes.append(curves(name, colour))
    shapes.append(f'<text x="{LEFT + 110 * len(SUITES)}" y="22">dashed: the most that is possible</text>')
    shapes.append(f'<text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 38}" text-anchor="middle">workers</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 70} {TOP + HEIGHT + 50}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#ffffff"/>'
        f"{''.join(shapes)}</svg>\n"
    )


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "docs" / "schedules.svg"
    target.write_text(chart(), encoding="utf-8")
