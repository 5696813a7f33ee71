"""When both sides look at a model again: set by a head, four weeks after a version comes into force unless somebody said otherwise."""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid
from leads.models import User
from scoring.actions.signing import note_event
from scoring.models import ModelVersion, ScoringModel, VersionEvent

SET = "scoring.activate_version"
USUAL = timedelta(weeks=4)
FURTHEST = timedelta(days=731)


def set_next_review(
    model: ScoringModel, on: date | None, *, actor: User | None, seen: date | None, at: datetime | None = None
) -> ScoringModel:
    """Say on which day the model is looked at again; None: no day is set. `seen` is the day the person saw.

    Noted in the history of the version in force. Raises Invalid for a day that is past or two years off, Conflict when no
    version is in force or somebody set another day meanwhile.
    """
    demand(actor, SET, to="set the next review of the criteria")
    at = at or clock.now()
    today = timezone.localdate(at)
    if on is not None and not today <= on <= today + FURTHEST:
        raise Invalid(
            "The next review lies ahead, within two years.",
            code="out_of_range",
            field="on",
            value=on.isoformat(),
            expected=f"a day from {today:%-d %B %Y} on",
        )
    with transaction.atomic():
        held = ScoringModel.objects.select_for_update(no_key=True, of=("self",)).select_related("active_version").get(pk=model.pk)
        if held.active_version is None:
            raise Conflict("No version of this model is in force, so there is nothing to review.", code="not_in_force")
        if held.next_review_on != seen:
            now_on = f"on {held.next_review_on:%-d %B %Y}" if held.next_review_on else "taken off"
            raise Conflict(f"Somebody set another day meanwhile: the next review is {now_on}.", code="stale")
        if on != seen:
            ScoringModel.objects.filter(pk=held.pk).update(next_review_on=on)
            words = f"{on:%-d %B %Y}" if on else "No day"
            note_event(held.active_version, VersionEvent.Verb.REVIEW, actor, at, f"{words}{_instead_of(seen)}")
    model.refresh_from_db(fields=["next_review_on"])
    return model


def _instead_of(seen: date | None) -> str:
    return f", instead of {seen:%-d %B %Y}" if seen else ""


def usual_review(model: ScoringModel, before: ModelVersion | None, at: datetime) -> date | None:
    """The day of the next review once another version is in force: one that somebody chose since `before` came into force and
    that lies ahead stays, else it is four weeks later.
    """
    usual = timezone.localdate(at + USUAL)
    held = ScoringModel.objects.values_list("next_review_on", flat=True).get(pk=model.pk)
    if held is None or held <= timezone.localdate(at):
        return usual
    chosen = before is not None and before.events.filter(verb=VersionEvent.Verb.REVIEW, actor__isnull=False).exists()
    return held if chosen else usual
