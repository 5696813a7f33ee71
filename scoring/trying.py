"""One lead under two versions, line by line: what each criterion gives by either, and what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scoring.evaluate_python import Facts, Line, Result, evaluator
from scoring.holds import HOLD_WORDS, Standing, hold_of
from scoring.spec import DIMENSIONS, Spec
from scoring.wording import Wording


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one version says. `held`: why it is not handed over although it may qualify; tier None where it is barred."""

    result: Result
    tier: str | None
    held: str

    @property
    def words(self) -> str:
        if not self.result.in_scope:
            return "Not judged"
        if self.held:
            return "Barred"
        return "MQO" if self.result.mqo else "MQL" if self.result.mql else "No MQL"


@dataclass(frozen=True, slots=True)
class LineBeside:
    """A line of either result; points None where the version has no such line."""

    dimension: str
    words: str
    sub: str
    before: int | None
    after: int | None

    @property
    def difference(self) -> int:
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True, slots=True)
class Tried:
    """A lead judged by a version (`after`) and by the one beside it (None without one)."""

    after: Verdict
    before: Verdict | None
    lines: tuple[LineBeside, ...]
    silent: tuple[str, ...]

    @property
    def difference(self) -> int:
        return self.after.result.total - (self.before.result.total if self.before else 0)

    @property
    def sums(self) -> list[tuple[str, int | None, int]]:
        """Fit, engagement and their sum, before and after."""
        was = self.before.result if self.before else None
        now = self.after.result
        return [
            ("Fit", was.fit if was else None, now.fit),
            ("Engagement", was.engagement if was else None, now.engagement),
            ("Score", was.total if was else None, now.total),
        ]


def try_lead(
    new: Spec, old: Spec | None, facts: Facts, at: datetime, wording: Wording, standing: Standing | None = None
) -> Tried:
    """What both say of these facts as of `at`; `standing` is where a stored lead stands in the funnel, None for one made up."""
    after = _verdict(new, facts, at, standing)
    before = _verdict(old, facts, at, standing) if old is not None else None
    paid = {line.key for one in (after, before) if one for line in one.result.lines if line.kind == "criterion"}
    silent = [one.label for one in new.criteria if one.key not in paid]
    return Tried(after, before, _beside(after.result.lines, before.result.lines if before else (), wording), tuple(silent))


def _verdict(spec: Spec, facts: Facts, at: datetime, standing: Standing | None) -> Verdict:
    judge = evaluator(spec)
    result = judge.evaluate(facts, at)
    gate = next((gate.label for gate in spec.gates if gate.key == result.gate), "")
    held = gate or (HOLD_WORDS.get(hold_of(standing, judge, facts, result, at), "") if standing is not None else "")
    return Verdict(result, None if result.tier is None else spec.decision.tiers[result.tier], held)


def _beside(after: Sequence[Line], before: Sequence[Line], wording: Wording) -> tuple[LineBeside, ...]:
    """Lines that say the same thing in one row, in the order of the newer version, fit first."""
    was = {(line.kind, line.dimension, line.key): line for line in before}
    now = {(line.kind, line.dimension, line.key): line for line in after}
    keys = sorted(dict.fromkeys([*now, *was]), key=lambda key: DIMENSIONS.index(key[1]))
    found = []
    for key in keys:
        line = now.get(key) or was[key]
        said = wording.line(line)
        points = [one[key].points if key in one else None for one in (was, now)]
        found.append(LineBeside(key[1], said["words"], said["sub"], *points))
    return tuple(found)
