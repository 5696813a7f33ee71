"""Timing of steps beside their physical limits, interleaved in one run, and the table printed from it."""

import gc
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


class CheckFailed(Exception):
    """What was measured is not right, so no figure of it may be printed."""


@dataclass(slots=True)
class Probe:
    """One thing to time. `run` does the work once; `before` prepares it and `after` checks it, both outside the clock; `items`
    are done by one run."""

    step: str
    run: Callable[[], object]
    before: Callable[[], object] | None = None
    items: int = 1
    seconds: list[float] = field(default_factory=list)
    after: Callable[[], object] | None = None


Measured = Literal["ratio", "median_ms", "p95_ms", "p99_ms", "rate_per_s"]


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: a step at `size` rows.

    `limit` names what the step is measured against and `ratio` is this step's rate or time over the limit's. `target` is what is
    asked of one of the figures and `target_of` says of which: "ratio", "median_ms", "p95_ms", "p99_ms" or "rate_per_s".
    Milliseconds are to be at most the target, a rate at least; a ratio of rates at least, a ratio of times at most. `met` tells
    whether it is so. What a step has no figure or no target for is None, in JSON null; `p99_ms` is in JSON where there is one.
    """

    step: str
    size: int
    median_ms: float | None = None
    p95_ms: float | None = None
    rate_per_s: float | None = None
    limit: str | None = None
    ratio: float | None = None
    target: float | None = None
    met: bool | None = None
    target_of: Measured | None = None
    p99_ms: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "size": self.size,
            "median_ms": _rounded(self.median_ms),
            "p95_ms": _rounded(self.p95_ms),
            "rate_per_s": _rounded(self.rate_per_s),
            "limit": self.limit,
            "ratio": _rounded(self.ratio, 4),
            "target": self.target,
            "met": self.met,
            "target_of": self.target_of,
        } | ({} if self.p99_ms is None else {"p99_ms": _rounded(self.p99_ms)})


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)


def interleave(probes: Sequence[Probe], rounds: int) -> None:
    """Run all probes once a round, in turn, so that a noisy minute hits limits and steps alike."""
    for _ in range(rounds):
        for probe in probes:
            if probe.before is not None:
                probe.before()
            gc.collect()
            start = time.perf_counter()
            probe.run()
            probe.seconds.append(time.perf_counter() - start)
            if probe.after is not None:
                probe.after()


def median_ms(seconds: Sequence[float]) -> float:
    return statistics.median(seconds) * 1000


def p95_ms(seconds: Sequence[float]) -> float:
    """The nearest-rank 95th percentile in milliseconds."""
    return _percentile_ms(seconds, 0.95)


def p99_ms(seconds: Sequence[float]) -> float:
    """The nearest-rank 99th percentile in milliseconds."""
    return _percentile_ms(seconds, 0.99)


def _percentile_ms(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000


def check(condition: object, message: str) -> None:
    """Refuse all figures when `condition` does not hold."""
    if not condition:
        raise CheckFailed(message)


def load_result(size: int) -> Result:
    """The machine's load of the last minute, beside its cores."""
    return Result("load", size, limit=f"{os.cpu_count()} cores", ratio=os.getloadavg()[0])


def table(results: Sequence[Result]) -> str:
    """The results as aligned columns for people; the 99th percentile only where one of them has it."""
    last = any(r.p99_ms is not None for r in results)
    heads = (
        "step",
        "size",
        "median ms",
        "p95 ms",
        *(("p99 ms",) if last else ()),
        "per second",
        "limit",
        "ratio",
        "target",
        "target of",
        "",
    )
    rows = [heads]
    for r in results:
        rows.append(
            (
                r.step,
                f"{r.size:,}",
                _cell(r.median_ms),
                _cell(r.p95_ms),
                *((_cell(r.p99_ms),) if last else ()),
                _cell(r.rate_per_s),
                r.limit or "",
                _cell(r.ratio, 3),
                _cell(r.target, 3),
                r.target_of or "",
                "" if r.met is None else ("met" if r.met else "NOT MET"),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    return "\n".join(
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )


def _cell(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def as_json(results: Sequence[Result]) -> str:
    return json.dumps({"checks_passed": True, "results": [r.as_dict() for r in results]})
