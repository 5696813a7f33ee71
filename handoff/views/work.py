"""What is done with a hand-off after the answer: attempts, conversion, won, lost, giving up, reassigning, settling a dispute."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from handoff.actions.assigning import reassign as reassign_handoff
from handoff.actions.assigning import withdraw as withdraw_handoff
from handoff.actions.holding import pause_handoff, resume_handoff
from handoff.actions.reviewing import settle_dispute
from handoff.actions.working import close_lost, close_won, convert, log_attempt, recycle_handoff
from handoff.forms import (
    ConvertForm,
    GiveUpForm,
    HoldForm,
    LoseForm,
    ReassignForm,
    SettleForm,
    WinForm,
    WithdrawForm,
    problems_of,
    reps_to_choose,
)
from handoff.models import Handoff
from handoff.states import ASSIGN, REVIEW, WORK
from handoff.views.answers import conflicted, drawn_row, in_place_of_row
from handoff.views.asking import handoff_or_404, next_url, wants_row
from handoff.views.packet import drawn
from leads.errors import Conflict, Invalid
from leads.pages import page, reader


@page(WORK)
@require_POST
def attempt(request: HttpRequest, pk: int) -> HttpResponse:
    """Log one attempt; from the inbox the row comes back, from the packet the page."""
    handoff = handoff_or_404(request, pk)
    channel, _, result = request.POST.get("what", "").partition(":")

    def act() -> object:
        note = request.POST.get("note", "")
        return log_attempt(handoff, actor=reader(request), channel=channel, result=result, note=note, once=True)

    if wants_row(request):
        return _row_after(request, handoff, act)
    try:
        act()
    except Conflict as other:
        return conflicted(request, handoff.pk, other)
    except Invalid as wrong:
        return drawn(request, handoff.pk, problem=wrong.message, status=422)
    messages.success(request, "The attempt is logged.")
    return HttpResponseRedirect(next_url(request, _packet(handoff)))


@page(WORK)
@require_POST
def convert_view(request: HttpRequest, pk: int) -> HttpResponse:
    handoff, actor = handoff_or_404(request, pk), reader(request)
    form = ConvertForm(request.POST, prefix="convert")

    def act() -> object:
        return convert(handoff, actor=actor, amount=form.cleaned_data["amount"], next_step_on=form.cleaned_data["next_step_on"])

    return _carried_out(request, handoff, "convert", form, act, "Converted: there is an opportunity now.")


@page(WORK)
@require_POST
def win(request: HttpRequest, pk: int) -> HttpResponse:
    handoff, actor = handoff_or_404(request, pk), reader(request)
    form = WinForm(request.POST, prefix="win")

    def act() -> object:
        return close_won(handoff, actor=actor, amount=form.cleaned_data["amount"], note=form.cleaned_data["note"])

    return _carried_out(request, handoff, "win", form, act, "Won. Well done.")


@page(WORK)
@require_POST
def lose(request: HttpRequest, pk: int) -> HttpResponse:
    handoff, actor = handoff_or_404(request, pk), reader(request)
    form = LoseForm(request.POST, prefix="lose")

    def act() -> object:
        return close_lost(handoff, actor=actor, reason=form.cleaned_data["reason"], note=form.cleaned_data["note"])

    return _carried_out(request, handoff, "lose", form, act, "Recorded as lost.")


@page(WORK)
@require_POST
def give_up(request: HttpRequest, pk: int) -> HttpResponse:
    handoff, actor = handoff_or_404(request, pk), reader(request)
    form = GiveUpForm(request.POST, prefix="give_up")

    def act() -> object:
        return recycle_handoff(handoff, actor=actor, note=form.cleaned_data["note"], return_on=form.cleaned_data["return_on"])

    return _carried_out(request, handoff, "give_up", form, act, "Given back to marketing.")


@page(WORK)
@require_POST
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Put on hold; from the inbox the row comes back, from the packet the page."""
    handoff, actor = handoff_or_404(request, pk), reader(request)
    form = HoldForm(request.POST, prefix="pause")

    def act() -> object:
        return pause_handoff(handoff, actor=actor, reason=form.cleaned_data["reason"], until=form.cleaned_data["until"])

    if not wants_row(request):
        return _carried_out(request, handoff, "pause", form, act, "On hold.")
    if not form.is_valid():
        return in_place_of_row(request, handoff.pk, problems_of(form), status=422)
    return _row_after(request, handoff, act)


@page(WORK)
@require_POST
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    handoff, actor = handoff_or_404(request, pk), reader(request)

    def act() -> object:
        return resume_handoff(handoff, actor=actor)

    if wants_row(request):
        return _row_after(request, handoff, act)
    return _carried_out(request, handoff, "resume", Form(request.POST), act, "The clock goes on.")


def _row_after(request: HttpRequest, handoff: Handoff, act: Callable[[], object]) -> HttpResponse:
    """Do it and draw the row of the inbox; what is wrong stands in its place."""
    try:
        act()
    except Conflict as other:
        return conflicted(request, handoff.pk, other)
    except Invalid as wrong:
        return in_place_of_row(request, handoff.pk, wrong.message, status=422)
    return drawn_row(request, handoff.pk)


@page(ASSIGN)
@require_POST
def reassign(request: HttpRequest, pk: int) -> HttpResponse:
    handoff, actor = handoff_or_404(request, pk), reader(request)
    form = ReassignForm(request.POST, prefix="reassign", reps=reps_to_choose(actor))

    def act() -> object:
        return reassign_handoff(handoff, actor=actor, to=form.cleaned_data["to"], reason=form.cleaned_data["reason"])

    return _carried_out(request, handoff, "reassign", form, act, "Reassigned.")


@page(ASSIGN)
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    handoff, actor = handoff_or_404(request, pk), reader(request)
    form = WithdrawForm(request.POST, prefix="withdraw")

    def act() -> object:
        return withdraw_handoff(handoff, actor=actor, reason=form.cleaned_data["reason"])

    return _carried_out(request, handoff, "withdraw", form, act, "Withdrawn: the lead is a prospect again.")


@page(REVIEW)
@require_POST
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    handoff, actor = handoff_or_404(request, pk), reader(request)
    form = SettleForm(request.POST, prefix="settle")

    def act() -> object:
        return settle_dispute(handoff, actor=actor, stands=form.cleaned_data["stands"], note=form.cleaned_data["note"])

    return _carried_out(request, handoff, "settle", form, act, "The dispute is settled.")


def _packet(handoff: Handoff) -> str:
    return reverse("admin:handoff-packet", args=[handoff.pk])


def _carried_out(
    request: HttpRequest, handoff: Handoff, verb: str, form: Form, act: Callable[[], object], done: str
) -> HttpResponse:
    """Check the form, do it, and show the packet again; what is wrong comes back in place with all that was typed."""
    if not form.is_valid():
        return drawn(request, handoff.pk, filled={verb: form}, status=422)
    try:
        act()
    except Conflict as other:
        return conflicted(request, handoff.pk, other)
    except Invalid as wrong:
        form.add_error(wrong.field if wrong.field in form.fields else None, wrong.message)
        return drawn(request, handoff.pk, filled={verb: form}, status=422)
    messages.success(request, done)
    # A manager sees the queue, and no longer what left it for nobody.
    still_seen = Handoff.objects.visible_to(reader(request)).filter(pk=handoff.pk).exists()
    return HttpResponseRedirect(_packet(handoff) if still_seen else reverse("admin:home"))
