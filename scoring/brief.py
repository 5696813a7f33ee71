"""A version on paper: what changes in words and in effect on one sheet, all that is signed on the next.

Nothing of what is signed is cut: many long criteria are set smaller, and still longer ones go on on a third sheet.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from leads import clock
from leads.errors import Invalid
from leads.models import Lead, User
from scoring.beside import read_against
from scoring.compiler import compile_version
from scoring.describe import CriterionRow, Described, describe
from scoring.difference import Difference, differences
from scoring.models import ModelVersion, SignOff
from scoring.signing_card import disagreements
from scoring.signoff import Seat, standing
from scoring.spec import Spec
from scoring.talk import SideView, talk_of
from scoring.vocabulary import load_wording

MOST_LEADS = 6
TIGHT_FROM = 45  # lines of criteria from which on they are set smaller, so that the table stays on its sheet
A_LINE = 125  # letters of a condition in one of them


@dataclass(frozen=True, slots=True)
class BriefCriterion:
    """A criterion on paper: its words, its points in the version beside (None: it is not there), what each side says of it."""

    words: CriterionRow
    before: int | None
    views: Sequence[SideView]
    figures: Any = None
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class Moving:
    """Leads with one outcome that enter and that leave."""

    outcome: str
    entering: int
    leaving: int


@dataclass(slots=True)
class Brief:
    version: ModelVersion
    beside: ModelVersion | None
    at: datetime
    described: Described
    seats: tuple[Seat[SignOff], ...]
    open_words: int
    disagreed: list[tuple[str, str]]
    problem: str = ""
    differences: list[Difference] = field(default_factory=list)
    criteria: list[BriefCriterion] = field(default_factory=list)
    effect: Any = None
    moving: list[Moving] = field(default_factory=list)
    named: list[tuple[str, list[tuple[Lead | None, Any]]]] = field(default_factory=list)

    @property
    def is_tight(self) -> bool:
        lines = [2 + sum(map(len, (one.words.sentence, *one.words.terms))) // A_LINE for one in self.criteria]
        return sum(lines) >= TIGHT_FROM


def brief_of(version: ModelVersion, reader: User) -> Brief:
    """The brief as `reader` may see it: a blind round hides the other side's views on paper, too."""
    beside = read_against(version)
    stored = list(version.criteria.all())
    talk = talk_of(version, stored, reader)
    verdicts = version.signatures.select_related("user").order_by("at", "pk")
    brief = Brief(
        version=version,
        beside=beside,
        at=clock.now(),
        described=describe(version),
        seats=standing(
            version.model.signers, verdicts, version.spec_hash, is_open=version.status == ModelVersion.Status.PROPOSED
        ).seats,
        open_words=sum(one.open_comments for one in talk.values()),
        disagreed=disagreements(version),
    )
    old, new = _specs(brief)
    if old is not None and new is not None:
        brief.differences = differences(old, new, load_wording())
    if new is not None:
        _measure(brief, new, old, reader)
    before = {one.key: one for one in old.criteria} if old is not None else {}
    after = {one.key: one for one in new.criteria} if new is not None else {}
    figures = {one.key: one for one in brief.effect.preview.criteria} if brief.effect and brief.effect.preview else {}
    brief.criteria = [
        BriefCriterion(
            row,
            before[row.key].points if row.key in before else None,
            talk[row.key].views if row.key in talk else (),
            figures.get(row.key),
            old is not None and before.get(row.key) != after.get(row.key),
        )
        for row in chain.from_iterable(block.rows for block in brief.described.dimensions)
    ]
    return brief


def _specs(brief: Brief) -> tuple[Spec | None, Spec | None]:
    old = None
    try:
        if brief.beside is not None:
            old = compile_version(brief.beside)
        return old, compile_version(brief.version)
    except Invalid as problem:
        brief.problem = problem.message
        return old, None


def _measure(brief: Brief, new: Spec, old: Spec | None, reader: User) -> None:
    """What the version does on the data of now. `brief.effect` says why not where it cannot be measured."""
    from scoring.effect import effect_of  # numpy is loaded by who measures, not by every process that starts

    brief.effect = effect_of(new, old)
    preview = brief.effect.preview
    if preview is None or preview.flips is None:
        return
    entering, leaving = preview.flips.entering, preview.flips.leaving
    outcomes = dict.fromkeys(outcome for outcome, _ in (*entering.outcomes, *leaving.outcomes))
    brief.moving = [Moving(outcome, entering.of(outcome), leaving.of(outcome)) for outcome in outcomes]
    shown = [(word, side.rows[:MOST_LEADS]) for word, side in (("enter", entering), ("leave", leaving))]
    leads = _leads(reader, chain.from_iterable(rows for _, rows in shown))
    brief.named = [(word, [(leads.get(row.lead), row) for row in rows]) for word, rows in shown if rows]


def _leads(reader: User, rows: Iterable[Any]) -> Mapping[int, Lead]:
    return Lead.objects.visible_to(reader).select_related("company").in_bulk({row.lead for row in rows})
