"""Why a lead enters or leaves: what moved it over the line, and nothing that pulled the other way."""

from collections.abc import Sequence

from leads.templatetags.accord import signed
from scoring.evaluate_python import tier_of
from scoring.preview.result import FlipLine
from scoring.spec import Decision

Sums = tuple[int, int]  # fit and engagement
MOST = 4


def why_flipped(
    draft: Decision,
    live: Decision,
    was: Sums,
    now: Sums,
    lines: Sequence[FlipLine],
    *,
    enters: bool,
    gates: tuple[str | None, str | None],
    judged: tuple[bool, bool],
) -> tuple[str, ...]:
    """The reasons, what weighs most first; never empty. `draft` and `live` are how they decide, `gates` and `judged` (in scope)
    are as in force and as in the draft.
    """
    if judged[0] != judged[1]:
        return ("It is judged only now" if enters else "It is not judged any more",)
    if gates[0] != gates[1] and (gate := gates[0] if enters else gates[1]):
        if not enters:
            return (f"now barred: {gate}",)
        also = () if _passes(live, was) else _over_the_line(draft, live, was, now, lines, enters)
        return (f"no longer barred: {gate}", *also)
    return _over_the_line(draft, live, was, now, lines, enters)


def _over_the_line(
    draft: Decision, live: Decision, was: Sums, now: Sums, lines: Sequence[FlipLine], enters: bool
) -> tuple[str, ...]:
    """What its points did, what moving the line did, or both where neither would have done alone."""
    points_do = _passes(live, now) == enters
    line_does = _passes(draft, was) == enters
    said: list[str] = []
    if not points_do:
        said.append(_moved(live, draft, now))
    if points_do or not line_does:
        sign = 1 if enters else -1
        own = sorted(
            (line for line in lines if (line.after - line.before) * sign > 0), key=lambda line: -abs(line.after - line.before)
        )
        said += [_line(line) for line in own[:MOST]]
        if len(own) > MOST:
            said.append(f"{len(own) - MOST} more")
    return tuple(said) or (f"fit {was[0]} → {now[0]}, engagement {was[1]} → {now[1]}",)


def _passes(decision: Decision, sums: Sums) -> bool:
    return tier_of(decision, *sums) >= decision.mql_from


def _moved(live: Decision, draft: Decision, now: Sums) -> str:
    lines = [one.edges[one.mql_from - 1] if one.kind == "total" and one.mql_from else None for one in (live, draft)]
    if None not in lines and lines[0] != lines[1]:
        return f"line moved from {lines[0]} to {lines[1]}"
    tiers = [one.tiers[tier_of(one, *now)] for one in (live, draft)]
    if tiers[0] == tiers[1]:
        return f"MQL from tier {draft.tiers[draft.mql_from]} instead of {live.tiers[live.mql_from]}"
    return f"the same fit and engagement are tier {tiers[1]} instead of {tiers[0]}"


def _line(line: FlipLine) -> str:
    if not line.key:
        return f"{line.label} {signed(line.after - line.before)}"
    return f"{line.label} {signed(line.before)} → {signed(line.after)}"
