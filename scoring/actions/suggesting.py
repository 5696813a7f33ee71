"""Evidence from history at each criterion: points past outcomes suggest, kept as comments, used only by who chooses to."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import AccordError, Conflict, Invalid
from leads.models import User
from leads.templatetags.accord import signed
from scoring.actions.criteria import set_points
from scoring.actions.drafting import EDIT
from scoring.actions.talk import talking
from scoring.compiler import compile_version, criterion_data
from scoring.models import Criterion, CriterionComment, ModelVersion
from scoring.suggested import HISTORY, last_suggestions, question_of
from scoring.vocabulary import load_registry

if TYPE_CHECKING:  # no process starts with numpy
    from scoring.preview.result import Goal
    from scoring.snapshot.reader import Snapshot
    from scoring.spec import Criterion as Question
    from scoring.spec import Spec
    from scoring.suggest import Suggestions

GOALS: "tuple[Goal, ...]" = ("won", "accepted")


def suggest_points(version: ModelVersion, *, actor: User, goal: str = "won") -> None:
    """Have past outcomes suggest points for every criterion of a draft.

    Each becomes a comment of the kind "history" with all figures, open only where it suggests other points than there are;
    one that says what the last one said takes its place. Nothing else changes. Raises Invalid with the rule where the data
    does not carry any, Conflict while there is no data to ask.
    """
    asked = _asked_for(goal, actor)
    spec = compile_version(version)
    snapshot = _snapshot()
    found = _carried(_asked(spec, snapshot, asked))
    now = clock.now()
    shared = {name: value for name, value in asdict(found).items() if name not in ("criteria", "refusal")}
    shared |= {"generation": snapshot.number, "as_of": snapshot.as_of.isoformat(), "asked_at": now.isoformat()}
    questions = {one.key: question_of(one.as_json()) for one in spec.criteria}
    with transaction.atomic(), talking(version, "suggest_points", actor=actor, needs=EDIT):
        rows = {row.key: row for row in version.criteria.all()}
        before = last_suggestions(version)
        made, kept, past = [], [], []
        for one in found.criteria:
            row = rows.get(one.key)
            if row is None:
                continue
            payload = asdict(one) | {"question": questions[one.key], "shared": shared}
            text, is_open = _words(payload), one.points not in (None, one.current)
            last = before.get(row.pk)
            if last and last.text == text and last.payload["question"] == questions[one.key] and _is_open(last) == is_open:
                last.payload = payload
                kept.append(last)
                continue
            if last and _is_open(last):
                past.append(last.pk)
            made.append(
                CriterionComment(
                    criterion=row,
                    kind=HISTORY,
                    text=text,
                    payload=payload,
                    created_at=now,
                    resolved_at=None if is_open else now,
                )
            )
        CriterionComment.objects.filter(pk__in=past).update(resolved_at=now, resolved_by=actor)
        CriterionComment.objects.bulk_update(kept, ["payload"])
        CriterionComment.objects.bulk_create(made)


def discover_questions(version: ModelVersion, *, actor: User, goal: str = "won") -> "tuple[tuple[Question, ...], Suggestions]":
    """At most twenty questions with points that together tell past outcomes apart best, in place of what a draft asks.

    Nothing is stored. Raises Invalid with the rule where the data does not carry any, Conflict while there is no data to ask.
    """
    asked = _asked_for(goal, actor)
    from scoring.column_cache import column_cache
    from scoring.discovery import discover

    criteria, found = discover(_snapshot(), load_registry(), cache=column_cache(), goal=asked)
    return criteria, _carried(found)


def _asked_for(goal: str, actor: User) -> "Goal":
    demand(actor, EDIT, to="ask what past outcomes suggest")
    for known in GOALS:
        if known == goal:
            return known
    raise Invalid(f"“{goal}” is not offered.", code="not_a_choice", field="goal", value=goal, expected=", ".join(GOALS))


def _carried(found: "Suggestions") -> "Suggestions":
    """What was found, where the data carries any."""
    if found.refusal:
        raise Invalid(found.refusal, code="too_little_history", field="goal", value=found.goal)
    return found


def use_suggestion(comment: CriterionComment, *, actor: User, rev: int) -> Criterion:
    """Give a criterion the points history suggests, and resolve the suggestion.

    Raises as any edit of points does; and Conflict when it was used or replaced meanwhile, or the criterion asks something
    else since.
    """
    criterion, points = comment.criterion, comment.payload.get("points")
    if comment.kind != HISTORY or points is None:
        raise Invalid("This suggests no points.", code="no_suggestion", field="comment", value=comment.pk)
    with transaction.atomic(), talking(criterion.version, "use_suggestion", criterion.key, actor=actor, needs=EDIT):
        if not CriterionComment.objects.filter(pk=comment.pk, resolved_at=None).update(
            resolved_at=clock.now(), resolved_by=actor
        ):
            raise Conflict("This suggestion was used or replaced meanwhile.", code="stale")
        changed = set_points(criterion, points, actor=actor, rev=rev)
        if question_of(criterion_data(changed)) != comment.payload["question"]:
            raise Conflict(f"What “{changed.label}” asks was changed since. Ask history again.", code="stale")
    return changed


def _snapshot() -> "Snapshot":
    """The data as it stands, brought up to date here where nothing else sees to it."""
    from scoring.preview.drafts import waiting
    from scoring.snapshot.keeping import built_at_once, has_keeper, standing

    snapshot = standing().snapshot
    if snapshot is None or (not has_keeper() and waiting(snapshot)):
        snapshot = built_at_once() or snapshot
    if snapshot is None:
        raise Conflict("The data is being built. Ask again in a moment.", code="building")
    return snapshot


def _asked(spec: "Spec", snapshot: "Snapshot", goal: "Goal") -> "Suggestions":
    from scoring.column_cache import column_cache
    from scoring.columns import NotInSnapshot
    from scoring.suggest import suggest

    try:
        return suggest(spec, snapshot, cache=column_cache(), goal=goal)
    except NotInSnapshot as missing:
        raise _not_held(missing.fields) from missing


def _not_held(keys: Sequence[str]) -> AccordError:
    """Why facts cannot be asked: personal ones never are in the data, new ones soon."""
    from scoring.snapshot import keeping

    fields = load_registry().fields
    personal = ", ".join(fields[key].label for key in keys if key in fields and fields[key].personal)
    if personal:
        return Invalid(
            f"{personal}: personal data is not kept for this, so history cannot be asked.", code="personal", field="goal"
        )
    keeping.ask()
    labels = ", ".join(fields[key].label for key in keys if key in fields)
    return Conflict(f"{labels}: the data is being built again with it. Ask again in a moment.", code="building")


def _is_open(comment: CriterionComment) -> bool:
    return comment.resolved_at is None


def _words(one: dict[str, Any]) -> str:
    if one["points"] is None:
        return f"History suggests nothing: {one['refusal']}"
    now = "as it is now" if one["points"] == one["current"] else f"it is {signed(one['current'])} now"
    return (
        f"History suggests {signed(one['points'])} ({signed(one['low'])} to {signed(one['high'])}), "
        f"from {one['hits']:,} of {one['rows']:,} leads it hit; {now}."
    )
