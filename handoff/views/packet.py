"""The packet: what a rep is given to decide on, frozen at the first offer, with every move that may be made from here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from handoff.actions.holding import last_day, may_hold
from handoff.actions.seen import mark_seen
from handoff.blame_report import spent_on
from handoff.clocks import faces_of, review_faces
from handoff.desk import Desk, Row, named_tier, shown, tier_name
from handoff.forms import (
    ConvertForm,
    GiveUpForm,
    HoldForm,
    LoseForm,
    ReassignForm,
    SettleForm,
    WinForm,
    WithdrawForm,
    reps_to_choose,
)
from handoff.history import history, promises
from handoff.models import Handoff, RejectionReview, SlaTimer
from handoff.moves import OPEN_CLOCKS
from handoff.packet import readable
from handoff.policybook import PolicyBook
from handoff.rejecting import branches
from handoff.routewords import routed
from handoff.since import since_offer
from handoff.sla import Clocks
from handoff.states import ANSWER, ANSWERED, ASSIGN, OWNER_CLOCKS, REVIEW, WORK, ClockKind, HandoffState, verbs_from
from handoff.views.asking import handoff_or_404
from handoff.views.attempting import ATTEMPT_CHOICES
from leads import clock
from leads.models import Lead, User
from leads.pages import page, reader, render
from leads.templatetags.dates import minute_words

READERS = (ANSWER, WORK, ASSIGN, REVIEW)
SHOWN_EVENTS = 8
SHOWN_LINES = 6
# The forms of the packet by the verb they carry out, in the order they are shown: what opens each, and what sends it.
OUTCOMES: dict[str, tuple[str, str, str, type[Form]]] = {
    "convert": ("Convert", "Record as converted", "admin:handoff-convert", ConvertForm),
    "win": ("Won", "Record as won", "admin:handoff-win", WinForm),
    "lose": ("Lost", "Record as lost", "admin:handoff-lose", LoseForm),
    "give_up": ("Give up", "Give back to marketing", "admin:handoff-give-up", GiveUpForm),
    "withdraw": ("Withdraw", "Withdraw it", "admin:handoff-withdraw", WithdrawForm),
}


@page(*READERS)
@require_GET
def packet(request: HttpRequest, pk: int) -> HttpResponse:
    """The packet of one hand-off; the first look of whoever has it is noted."""
    handoff = handoff_or_404(request, pk)
    mark_seen(handoff, actor=reader(request))
    return drawn(request, handoff.pk)


def drawn(
    request: HttpRequest, pk: int, *, filled: Mapping[str, Form] | None = None, problem: str = "", status: int = 200
) -> HttpResponse:
    """The packet page; `filled` are forms that came back with errors, `problem` a sentence on top."""
    user, now = reader(request), clock.now()
    handoff = (
        shown().select_related("owner", "policy", "packet", "qualification", "lead__product_interest", "review__by").get(pk=pk)
    )
    row = Row(handoff, faces_of([handoff], now)[handoff.pk], tier_name(handoff))
    content = _content(handoff)
    verbs = allowed_verbs(user, handoff)
    here = request.path if request.method == "GET" else reverse("admin:handoff-packet", args=[pk])
    context = {
        "row": row,
        "handoff": handoff,
        "lead": handoff.lead,
        "content": content,
        "offered_tier": named_tier(handoff, content["score"].get("tier")) if content else "",
        "since": since_offer(handoff),
        "packet_missing": _packet_missing(handoff),
        "shown_lines": SHOWN_LINES,
        "verbs": verbs,
        "outcomes": _outcomes(verbs, filled or {}),
        "settle_form": _settle_form(verbs, filled or {}, handoff),
        "reassign_form": _reassign_form(user, verbs, filled or {}),
        **_hold(user, verbs, filled or {}, handoff, now),
        "branches": branches() if "reject" in verbs else [],
        "attempt_choices": ATTEMPT_CHOICES,
        "attempts": list(handoff.attempts.select_related("actor")),
        "history": history(handoff),
        "promises": promises(handoff, now),
        "spent": spent_on(handoff, now),
        "routed": routed(handoff),
        "review": _review(handoff),
        "review_face": review_faces([handoff], now).get(pk) if handoff.state == HandoffState.REJECTED else None,
        "undo": _can_undo(user, handoff, now),
        "place": _place(user, handoff, now),
        "here": here,
        "plain": True,
        "problem": problem,
        "sees_lead": _sees_lead(user, handoff),
    }
    return render(request, "handoff/packet.html", context, title=row.name, status=status)


def allowed_verbs(user: User, handoff: Handoff) -> set[str]:
    """What this person may do with the hand-off as it stands; the verbs check again under lock."""
    is_owner = handoff.owner_id == user.pk
    verbs = set()
    for move in verbs_from(handoff.state):
        if not user.has_perm(move.permission):
            continue
        if is_owner or move.permission in (ASSIGN, REVIEW) or (move.permission == WORK and user.has_perm(ASSIGN)):
            verbs.add(move.verb)
    return verbs


def _outcomes(verbs: set[str], filled: Mapping[str, Form]) -> list[dict[str, Any]]:
    return [
        {
            "verb": verb, "label": label, "send": send, "url": url, "form": filled.get(verb) or kind(prefix=verb),
            "is_open": verb in filled,
        }
        for verb, (label, send, url, kind) in OUTCOMES.items()
        if verb in verbs
    ]  # fmt: skip


def _reassign_form(user: User, verbs: set[str], filled: Mapping[str, Form]) -> Form | None:
    if "reassign" not in verbs:
        return None
    return filled.get("reassign") or ReassignForm(prefix="reassign", reps=reps_to_choose(user))


def _hold(user: User, verbs: set[str], filled: Mapping[str, Form], handoff: Handoff, now: datetime) -> dict[str, Any]:
    """What of this hand-off is on hold, or may be put on hold by the reader and for how long."""
    timers = list(handoff.timers.filter(state__in=OPEN_CLOCKS, kind__in=OWNER_CLOCKS).order_by("paused_until", "pk"))
    held = next((timer for timer in timers if timer.state == SlaTimer.State.PAUSED), None)
    what = may_hold(timers, Clocks(PolicyBook(now), now)) if "pause" in verbs else None
    if what is None:
        return {"on_hold": held, "hold_form": None}
    at = timezone.localtime(what.limit)
    words = f"Empty: for as long as it may be, until {minute_words(at)} ({at.tzname()})."
    if what.runs_on:
        words += f" {', '.join(ClockKind(timer.kind).label for timer in what.runs_on)} runs on."
    form = filled.get("pause") or HoldForm(prefix="pause", last=last_day(what.limit, user), words=words)
    return {"on_hold": held, "hold_form": form}


def _settle_form(verbs: set[str], filled: Mapping[str, Form], handoff: Handoff) -> Form | None:
    review = _review(handoff)
    if "settle" not in verbs or review is None or review.verdict != RejectionReview.Verdict.DISPUTE or review.settled_at:
        return None
    return filled.get("settle") or SettleForm(prefix="settle")


def _can_undo(user: User, handoff: Handoff, now: datetime) -> bool:
    return (
        handoff.owner_id == user.pk and handoff.state in ANSWERED and handoff.undo_until is not None and handoff.undo_until > now
    )


def _place(user: User, handoff: Handoff, now: datetime) -> dict[str, Any] | None:
    """Where it stands in the reader's own inbox, with the way to its neighbours."""
    if not user.has_perm(ANSWER):
        return None
    at, count, before, after = Desk(user, now).neighbours(handoff.pk)
    return {"at": at, "count": count, "before": before, "after": after} if count else None


def _sees_lead(user: User, handoff: Handoff) -> bool:
    return Lead.objects.visible_to(user).filter(pk=handoff.lead_id).exists()


def _review(handoff: Handoff) -> RejectionReview | None:
    try:
        return handoff.review
    except ObjectDoesNotExist:
        return None


def _packet_missing(handoff: Handoff) -> bool:
    try:
        return not handoff.packet.content
    except ObjectDoesNotExist:
        return True


def _content(handoff: Handoff) -> dict[str, Any]:
    """The frozen content with its instants readable; nothing is worked out anew."""
    if _packet_missing(handoff):
        return {}
    content = dict(handoff.packet.content)
    timeline = [_dated(entry) for entry in content.get("timeline", ())]
    content["timeline"], content["timeline_more"] = timeline[:SHOWN_EVENTS], timeline[SHOWN_EVENTS:]
    content["timeline_kept"] = len(timeline)
    content["downloads"] = [_dated(entry) for entry in content.get("downloads", ())]
    content["earlier"] = [_dated(entry) for entry in content.get("earlier", ())]
    content["lines"] = sorted(readable(content.get("lines", ())), key=lambda line: -int(line.get("points", 0)))
    content["came"] = _dated(content.get("came") or {})
    content["score"] = _dated(content.get("score") or {})
    content["questions_open"] = [one["label"] for one in content.get("questions", ()) if one.get("answer") is None]
    content["questions_known"] = [one for one in content.get("questions", ()) if one.get("answer") is not None]
    content["opening"] = next((one for one in content["downloads"] if one.get("talk_track")), None)
    return content


def _dated(entry: Mapping[str, Any]) -> dict[str, Any]:
    at = entry.get("at")
    return {**entry, "at": parse_datetime(at) if isinstance(at, str) else None}
