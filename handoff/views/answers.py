"""Accept, reject and undo, from the inbox (one row comes back) and from the packet (a plain post and a redirect)."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from handoff.actions.answering import accept_handoff, reject_handoff, undo_answer
from handoff.desk import Desk, row_of, shown
from handoff.forms import NOTE_LENGTH
from handoff.models import Handoff, SlaTimer
from handoff.moves import what_happened
from handoff.rejecting import branches
from handoff.states import ANSWER, HandoffState
from handoff.views.asking import handoff_or_404, next_url, wants_row
from handoff.views.attempting import ATTEMPT_CHOICES
from handoff.views.inbox import changes_of, with_badge
from handoff.views.packet import drawn
from leads import clock
from leads.errors import Conflict, Invalid, NotAllowed
from leads.pages import page, reader, render


@page(ANSWER)
@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    return _answer(request, pk, lambda handoff: accept_handoff(handoff, actor=reader(request)), HandoffState.ACCEPTED)


@page(ANSWER)
@require_http_methods(["GET", "POST"])
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    """Reject with a coded reason; a reason that needs words without them comes back with what was typed."""
    if request.method == "GET":
        try:
            return _reject_form(request, _to_be_rejected(request, pk), status=200)
        except Conflict as late:
            return conflicted(request, pk, late)
    code, note = request.POST.get("reason", ""), request.POST.get("note", "")
    try:
        if len(note) > NOTE_LENGTH:
            words = f"The note has {len(note)} characters; {NOTE_LENGTH} fit."
            raise Invalid(words, code="note_long", field="note", value=note, expected="fewer words")
        return _answer(
            request,
            pk,
            lambda handoff: reject_handoff(handoff, actor=reader(request), reason=code, note=note),
            HandoffState.REJECTED,
        )
    except Invalid as wrong:
        return _reject_form(request, handoff_or_404(request, pk), status=422, code=code, note=note, wrong=wrong)


@page(ANSWER)
@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the answer back while there is time; the row comes back as it was."""
    try:
        undo_answer(_mine_or_gone(request, pk), actor=reader(request))
    except Conflict as late:
        return conflicted(request, pk, late)
    if not wants_row(request):
        return HttpResponseRedirect(next_url(request))
    return drawn_row(request, pk)


@page(ANSWER)
@require_GET
def row(request: HttpRequest, pk: int) -> HttpResponse:
    """One row of the inbox as it is now."""
    return drawn_row(request, handoff_or_404(request, pk).pk)


def drawn_row(request: HttpRequest, pk: int) -> HttpResponse:
    """A row of the inbox with the figures beside it, for the page that asked."""
    now = clock.now()
    desk = Desk(reader(request), now)
    context = {
        **changes_of(request, desk), "row": row_of(pk, now), "branches": branches(),
        "attempt_choices": ATTEMPT_CHOICES, "part": "handoff/_row.html", "focus": True, "pulse_oob": True,
    }  # fmt: skip
    return with_badge(render(request, "handoff/_inbox_part.html", context, fragment="handoff/_inbox_part.html"), desk)


def conflicted(request: HttpRequest, pk: int, conflict: Conflict) -> HttpResponse:
    """Somebody was faster: 409 with what happened, in place of the row or on top of the packet as it is now."""
    if wants_row(request):
        return in_place_of_row(request, pk, conflict.message, status=409)
    if not Handoff.objects.visible_to(reader(request)).filter(pk=pk).exists():
        raise conflict
    return drawn(request, pk, problem=conflict.message, status=409)


def in_place_of_row(request: HttpRequest, pk: int, words: str, *, status: int) -> HttpResponse:
    """Why nothing was done, where the row was, with the way back to what is so now."""
    context = {"handoff_id": pk, "words": words}
    return render(request, "handoff/_gone.html", context, fragment="handoff/_gone.html", status=status)


def _mine_or_gone(request: HttpRequest, pk: int) -> Handoff:
    """The hand-off to answer. One that was theirs and went to somebody else is a conflict told in words, not a missing page."""
    user = reader(request)
    if not Handoff.objects.visible_to(user).filter(pk=pk).exists():
        had = SlaTimer.objects.filter(handoff_id=pk, owner=user).select_related("handoff__owner").first()
        if had is not None:
            raise Conflict(what_happened(had.handoff))
    return handoff_or_404(request, pk)


def _to_be_rejected(request: HttpRequest, pk: int) -> Handoff:
    """The hand-off to give a reason for; who may only read it, or comes too late, is told before they choose one."""
    handoff = _mine_or_gone(request, pk)
    if handoff.owner_id != reader(request).pk:
        raise NotAllowed("Only the rep who has this hand-off can reject it.")
    if handoff.state != HandoffState.OFFERED:
        raise Conflict(what_happened(handoff))
    return handoff


def _answer(request: HttpRequest, pk: int, verb: Callable[[Handoff], Handoff], wanted: HandoffState) -> HttpResponse:
    """Carry out an answer; the same answer given twice (a double click, a second tab) counts as one."""
    try:
        verb(_mine_or_gone(request, pk))
    except Conflict as other:
        same = Handoff.objects.filter(pk=pk, owner=reader(request), state=wanted, undo_until__gt=clock.now())
        if not same.exists():
            return conflicted(request, pk, other)
    if not wants_row(request):
        return HttpResponseRedirect(next_url(request))
    desk = Desk(reader(request), clock.now())
    context = {
        **changes_of(request, desk), "handoff": shown().get(pk=pk),
        "part": "handoff/_answered.html", "pulse_oob": True,
    }  # fmt: skip
    return with_badge(render(request, "handoff/_inbox_part.html", context, fragment="handoff/_inbox_part.html"), desk)


def _reject_form(
    request: HttpRequest, handoff: Handoff, *, status: int, code: str = "", note: str = "", wrong: Invalid | None = None
) -> HttpResponse:
    context = {
        "handoff": handoff,
        "row": row_of(handoff.pk, clock.now()),
        "branches": branches(),
        "given_reason": code,
        "given_note": note,
        "problem": wrong.message if wrong else "",
        "error_field": ("note" if wrong.field == "note" else "reason") if wrong else "",
        "plain": not wants_row(request),
        "here": next_url(request),
    }
    return render(
        request, "handoff/reject.html", context, title="Reject a hand-off", fragment="handoff/_reject_row.html", status=status
    )
