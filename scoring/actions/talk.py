"""What people say about the criteria of a draft: views of both sides, agreement, words, examples, blind rounds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid, NotAllowed, NotFound
from leads.models import Lead, User
from leads.roles import Side
from scoring.actions.drafting import EDIT
from scoring.models import Criterion, CriterionComment, CriterionExample, CriterionView, ModelVersion, TalkEvent

DISCUSS = "scoring.discuss_draft"
LONGEST_COMMENT = 4_000
MOST_POINTS = 1_000
TWICE = timedelta(minutes=1)
_OPEN = (ModelVersion.Status.DRAFT, ModelVersion.Status.PROPOSED)


@dataclass(slots=True)
class Step:
    """A step of the talk; one that changes nothing is not told. `before` and `after` where the log has to say what changed."""

    is_nothing: bool = False
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


@contextmanager
def talking(version: ModelVersion, verb: str, target: str = "", *, actor: User | None, needs: str = DISCUSS) -> Iterator[Step]:
    """One step of the talk about a version, in one transaction, told to all who have it open.

    Raises NotAllowed, and Conflict once the version is neither a draft nor proposed.
    """
    demand(actor, needs, to="take part in the talk about the criteria")
    with transaction.atomic():
        held = ModelVersion.objects.select_for_update(no_key=True).filter(pk=version.pk).first()
        if held is None or held.status not in _OPEN:
            raise Conflict(f"{version.label} is no longer under discussion.", code="frozen")
        step = Step()
        yield step
        if step.is_nothing:
            return
        ModelVersion.objects.filter(pk=version.pk).update(talk=held.talk + 1)
        TalkEvent.objects.create(
            version=version,
            no=held.talk + 1,
            actor=actor,
            at=clock.now(),
            verb=verb,
            target=target,
            before=step.before,
            after=step.after,
        )
    version.talk = held.talk + 1


def _side_of(actor: User) -> Side:
    if actor.side is None:
        raise NotAllowed("Only people of marketing or of sales can say what their side wants.")
    return actor.side


def view_stamp(view: CriterionView | None) -> str:
    """What a side wants, as a form was drawn from it: another one when somebody of the side said something else."""
    return f"{view.need} {view.points} {view.answered_by_id}" if view is not None and view.need else ""


def state_view(criterion: Criterion, *, need: str, points: int | None, actor: User, seen: str | None = None) -> CriterionView:
    """Say for one's side how much a criterion matters and what it should be worth. Raises Invalid, NotAllowed, Conflict.

    With `seen`, the stamp of the side's view the person saw, another one's word since is not overwritten unseen. An answer of a
    blind round that is changed once both sides know the other's stays in the draft's log with what it was.
    """
    side = _side_of(actor)
    if need not in CriterionView.Need.values:
        raise Invalid("Say whether it is required, nice to have or irrelevant.", code="missing", field="need", value=need)
    if points is not None and abs(points) > MOST_POINTS:
        raise Invalid(f"Points lie between −{MOST_POINTS} and {MOST_POINTS}.", code="wrong_number", field="points", value=points)
    with talking(criterion.version, "state_view", criterion.key, actor=actor) as step:
        held = criterion.side_views.filter(side=side).select_related("answered_by").first()
        if seen is not None and held is not None and view_stamp(held) != seen:
            worth = "" if held.points is None else f", {held.points} points"
            who = held.answered_by or "Somebody"
            raise Conflict(f"{who} said “{held.get_need_display()}{worth}” for {side.label} meanwhile.", code="stale")
        if held is not None and (held.need, held.points) != (need, points) and _was_revealed(criterion, held):
            step.before = {"side": side.value, "need": held.need, "points": held.points}
            step.after = {"side": side.value, "need": need, "points": points}
        view, _ = CriterionView.objects.update_or_create(
            criterion=criterion,
            side=side,
            defaults={"need": need, "points": points, "answered_by": actor, "answered_at": clock.now()},
        )
    return view


def _was_revealed(criterion: Criterion, view: CriterionView) -> bool:
    """Whether a view is an answer of a blind round that the other side has seen, and so the side knew the other's as well."""
    if not view.need or view.answered_at is None:
        return False
    version = ModelVersion.objects.get(pk=criterion.version_id)
    rounds = version.talk_events.filter(verb__in=("begin_blind_round", "end_blind_round")).order_by("no")
    began = version.blind_from or next((one.at for one in reversed(rounds) if one.verb == "begin_blind_round"), None)
    if began is None:  # a round that began on the version this one was copied from ended here
        return bool(rounds) and view.answered_at <= rounds[0].at
    if view.answered_at < began:
        return False
    if version.blind_from is None:
        return True
    return criterion.side_views.exclude(side=view.side).exclude(need="").filter(answered_at__gte=began).exists()


def give_verdict(criterion: Criterion, verdict: str, *, seen_hash: str, actor: User) -> CriterionView:
    """Agree or disagree for one's side with a criterion as it was seen; "" takes the verdict back.

    Raises Conflict when the content is another by now: nobody agrees to what they did not read.
    """
    side = _side_of(actor)
    if verdict not in ("", "agree", "disagree"):
        raise Invalid("A verdict is to agree or to disagree.", code="not_a_choice", field="verdict", value=verdict)
    with talking(criterion.version, f"verdict_{verdict or 'none'}", criterion.key, actor=actor):
        now = Criterion.objects.select_for_update(no_key=True).filter(pk=criterion.pk).first()
        if now is None:
            raise NotFound("Somebody removed this criterion meanwhile.")
        if verdict and now.content_hash != seen_hash:
            raise Conflict(f"“{now.label}” was changed since you read it. Read it again first.", code="stale")
        given = (now.content_hash, actor, clock.now())
        fields: dict[str, Any] = {}
        for word in ("agree", "disagree"):
            names = (f"{word}d_hash", f"{word}d_by", f"{word}d_at")
            fields |= dict(zip(names, given if word == verdict else (None,) * 3, strict=True))
        view, _ = CriterionView.objects.update_or_create(criterion=criterion, side=side, defaults=fields)
    return view


def add_comment(
    criterion: Criterion, text: str, *, actor: User, reply_to: CriterionComment | None = None, kind: str = "comment"
) -> CriterionComment:
    """Say something about a criterion, or reply to what was said. Raises Invalid for nothing or too much, NotAllowed.

    The very same said again within a minute is the form sent twice: what was said already is answered.
    """
    text = text.strip()
    if not text:
        raise Invalid("Write something first.", code="missing", field="text", value=text, expected="a comment")
    if len(text) > LONGEST_COMMENT:
        raise Invalid(f"A comment has at most {LONGEST_COMMENT:,} letters.", code="too_long", field="text", value=len(text))
    if kind not in (CriterionComment.Kind.COMMENT, CriterionComment.Kind.PROPOSAL):
        raise Invalid("A person comments or proposes.", code="not_a_choice", field="kind", value=kind)
    if reply_to is not None and reply_to.criterion_id != criterion.pk:
        raise Invalid("A reply stands below a comment on the same criterion.", code="other_criterion", field="reply_to")
    thread = reply_to.reply_to or reply_to if reply_to else None
    with talking(criterion.version, "add_comment", criterion.key, actor=actor) as step:
        last = criterion.comments.filter(author=actor).order_by("-pk").first()
        if last is not None and (last.text, last.kind, last.reply_to) == (text, kind, thread):
            if clock.now() - last.created_at < TWICE:
                step.is_nothing = True
                return last
        return CriterionComment.objects.create(
            criterion=criterion,
            reply_to=thread,
            author=actor,
            side=actor.side or "",
            kind=kind,
            text=text,
            created_at=clock.now(),
        )


def settle_comment(comment: CriterionComment, is_resolved: bool, *, actor: User) -> None:
    """Mark a thread as resolved, or open it again; the second to do so changes nothing."""
    criterion = comment.criterion
    with talking(criterion.version, "resolve_comment" if is_resolved else "reopen_comment", criterion.key, actor=actor):
        CriterionComment.objects.filter(pk=comment.pk, resolved_at__isnull=is_resolved).update(
            resolved_at=clock.now() if is_resolved else None, resolved_by=actor if is_resolved else None
        )


def add_example(criterion: Criterion, lead: Lead, *, is_counter: bool, note: str, actor: User) -> CriterionExample:
    """Show by a real lead what a criterion means, or what it does not. The lead is one the actor may see."""
    note = note.strip()
    if len(note) > 200:
        raise Invalid("A note has at most 200 letters.", code="too_long", field="note", value=len(note))
    with talking(criterion.version, "add_example", criterion.key, actor=actor):
        example, _ = CriterionExample.objects.update_or_create(
            criterion=criterion,
            lead=lead,
            defaults={"is_counter": is_counter, "note": note, "side": actor.side or "", "added_by": actor},
        )
    return example


def remove_example(example: CriterionExample, *, actor: User) -> None:
    with talking(example.criterion.version, "remove_example", example.criterion.key, actor=actor):
        example.delete()


def begin_blind_round(version: ModelVersion, *, actor: User) -> None:
    """From now on each side sees the other's view of a criterion only once it has stated its own anew."""
    with talking(version, "begin_blind_round", actor=actor, needs=EDIT):
        if not ModelVersion.objects.filter(pk=version.pk, blind_from=None).update(blind_from=clock.now()):
            raise Conflict("A blind round is open already.", code="open")


def end_blind_round(version: ModelVersion, *, actor: User) -> None:
    """Show all views to everybody."""
    with talking(version, "end_blind_round", actor=actor, needs=EDIT):
        if not ModelVersion.objects.filter(pk=version.pk, blind_from__isnull=False).update(blind_from=None):
            raise Conflict("No blind round is open.", code="closed")
