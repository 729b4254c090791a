"""The tables, in markdown, of what was measured."""

import math
from collections.abc import Iterable, Sequence
from statistics import median, quantiles
from typing import Any

from . import memory
from .timing import REPLAYED, Times
from .works import CHAIN, WORKS

BYTES_PER_NODE, BYTES_PER_STEP = 450, 1024

Passes = dict[int, dict[str, Any]]  # what was measured, for each number of threads


def report(passes: Passes) -> str:
    first = passes[min(passes)]
    missing = dict.fromkeys(line for found in passes.values() for line in found["missing"])
    parts = [
        "### Goals, on one thread",
        goals(first),
        "Allocated is the most that a line of a step takes for a time, without what NumPy's loops "
        "need themselves.",
        "### Times",
        "Medians of the rounds, in each of which the systems take turns, and in brackets their "
        "quartiles.\nThe ratio is that to the system in bold letters.",
        *(times(work.title, passes) for work in WORKS),
        "### Growth",
        *(
            grown(axis, threads, found["growth"][axis])
            for axis in first["growth"]
            for threads, found in passes.items()
            if axis in found["growth"]
        ),
        "### Memory",
        peaks(first["peaks"]),
        nodes(first["nodes"]),
        first["versions"],
        "\n".join(missing),
    ]
    return "\n\n".join(part for part in parts if part)


def compared(before: dict[str, Any], after: dict[str, Any]) -> str:
    """How the ratios of two runs differ, each to the first system of its work: largest first."""
    rows = []
    for work in WORKS:
        ratios = []
        for passes in (before, after):  # as read from JSON
            times = passes[min(passes)]["works"].get(work.title, {"times": {}})["times"]
            reference = next(iter(times.values()), [])
            ratios.append(
                {name: median(map(_over, rounds, reference)) for name, rounds in times.items()}
            )
        for name, ratio in list(ratios[1].items())[1:]:
            if name in ratios[0]:
                rows.append((work.title, name, ratios[0][name], ratio))
    rows.sort(key=lambda row: -abs(math.log(row[3] / row[2])))
    return table(
        ("work", "system", "ratio before", "after", "change"),
        [(*names, f"{a:.3g}", f"{b:.3g}", f"{b / a - 1:+.1%}") for *names, a, b in rows],
    )


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that also reads well as plain text."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in (headings, rule, *rows)
    )


# ---- the tables ----------------------------------------------------------------------------------


def goals(found: dict[str, Any]) -> str:
    rows = []
    for work in WORKS:
        measured = found["works"][work.title]
        for goal in work.goals:
            if {goal.ours, goal.peer} <= measured["times"].keys():
                both = measured["times"][goal.ours], measured["times"][goal.peer]
                ratio = median(map(goal.compare, *both))
                limit = f"{goal.sign} {goal.limit:g}{goal.unit}"
                came = f"{ratio:.3g}{goal.unit}"
                rows.append((work.title, goal.ours, goal.peer, came, limit, _met(goal.met(ratio))))
        if measured["allocated"] is not None:
            most = measured["allocated"]
            met = _met(most <= BYTES_PER_STEP)
            limit = f"≤ {BYTES_PER_STEP:,} B"
            rows.append((work.title, REPLAYED, "allocated", f"{most:,} B", limit, met))
    name, ours = next(iter(found["nodes"].items()))
    met = _met(ours <= BYTES_PER_NODE)
    rows.append((CHAIN, name, "memory of each", f"{ours:.0f} B", f"≤ {BYTES_PER_NODE} B", met))
    return table(("work", "ours", "against", "measured", "goal", "met?"), _without_repeats(rows))


def times(title: str, passes: Passes) -> str:
    """A table of a work: a line for each system, the fastest first, and two columns for each pass."""
    here = {
        t: found["works"][title]["times"] for t, found in passes.items() if title in found["works"]
    }
    first = here[min(here)]
    reference = next(iter(first))
    rows = []
    for name in sorted(first, key=lambda name: median(first[name])):
        row = [f"**{name}**" if name == reference else name]
        for measured in here.values():
            if name in measured:
                ratio = median(map(_over, measured[name], measured[reference]))
                row += [
                    with_quartiles(measured[name]),
                    f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}",
                ]
            else:
                row += ["-", "-"]
        rows.append(row)
    columns = [heading for threads in here for heading in (_threads(threads), "ratio")]
    return table((title, *columns), rows)


def grown(axis: str, threads: int, by_size: dict[str, Times]) -> str:
    """The sizes from left to right."""
    names = next(iter(by_size.values()))
    rows = [(name, *(seconds(median(times[name])) for times in by_size.values())) for name in names]
    return table((f"{axis} … ({_threads(threads)})", *by_size), rows)


def peaks(found: dict[str, list[float]]) -> str:
    if not found:
        return ""
    rows = [(name, *(f"{peak:.0f} MB" for peak in peaks)) for name, peaks in found.items()]
    return table(("most memory of a new process", *memory.SETTINGS), rows)


def nodes(found: dict[str, float]) -> str:
    rows = [(name, f"{size:.0f} B") for name, size in found.items() if size is not None]
    return table((f"{CHAIN}", "memory of each"), rows)


# ---- cells ---------------------------------------------------------------------------------------


def _met(met: bool) -> str:
    return "yes" if met else "no"


def _over(one: float, other: float) -> float:
    return one / other


def _threads(number: int) -> str:
    return "1 thread" if number == 1 else f"{number} threads"


def _without_repeats(rows: Iterable[Sequence[str]]) -> Iterable[Sequence[str]]:
    """Names each work once, in the first of its lines."""
    above = None
    for title, *cells in rows:
        yield ("" if title == above else title, *cells)
        above = title


def with_quartiles(rounds: list[float]) -> str:
    low, middle, high = quantiles(rounds, n=4)
    size, unit = _unit(middle)
    return f"{_digits(middle / size)} {unit} ({_digits(low / size)}–{_digits(high / size)})"


def seconds(time: float) -> str:
    """A time with three digits, in a suitable unit."""
    size, unit = _unit(time)
    return f"{_digits(time / size)} {unit}"


def _unit(time: float) -> tuple[float, str]:
    units = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
    return next((unit for unit in units if time >= unit[0]), (1e-9, "ns"))


def _digits(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"
