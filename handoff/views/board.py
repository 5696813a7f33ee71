"""The SLA board: the page, its quiet refresh, its file, and what a manager does from it: nudge, reassign, cover."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from handoff.actions.assigning import may_be_given
from handoff.actions.assigning import reassign as reassign_handoff
from handoff.actions.covering import Covered, cover, loads
from handoff.actions.nudging import nudge as nudge_rep
from handoff.board import PERIODS, Board
from handoff.clocks import faces_of
from handoff.desk import TIMED, drawn_by_id, rows_of
from handoff.forms import CoverForm, ReassignForm, reps_to_choose
from handoff.hours import week_words
from handoff.models import Handoff, Leave, SlaTarget, WorkCalendar
from handoff.policybook import PolicyBook
from handoff.states import ASSIGN, WITH_REP, ClockKind
from handoff.views.asking import handoff_or_404, next_url, wants_row
from handoff.views.inbox import JITTER_MS, POLL_MS
from leads import clock
from leads.clockface import spoken
from leads.errors import AccordError, Conflict, Invalid
from leads.export import csv_file, safe_text
from leads.models import User
from leads.pages import page, reader, render


@page(ASSIGN)
@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """The whole board or, for htmx, all but the page's head."""
    asked = _asked(request)
    context = {
        **_pulse_of(asked),
        "board": asked,
        "periods": PERIODS,
        "promise": _promise_words(asked.now),
        "reps_to_choose": list(reps_to_choose(asked.user)),
        "now": asked.now,
    }
    return render(request, "handoff/board.html", context, title="SLA board", fragment="handoff/_board.html")


@page(ASSIGN)
@require_GET
def board_pulse(request: HttpRequest) -> HttpResponse:
    """204 while the page that asks is still true; else the new figures and reps, and word that the lists have changed."""
    asked = _asked(request)
    if request.GET.get("mark") == asked.mark:
        return HttpResponse(status=204)
    context = {**_pulse_of(asked), "board": asked, "changed": True}
    return render(request, "handoff/_board_changes.html", context, fragment="handoff/_board_changes.html")


@page(ASSIGN)
@require_GET
def board_export(request: HttpRequest) -> HttpResponse:
    """The reps of the board as a file, with the figures they are drawn from."""
    asked = _asked(request)
    rows: list[tuple[object, ...]] = [
        ("Rep", "E-mail", "To answer", "To contact", "Overdue", "Under 30 min", "First due", "Kept, 30 d", "Decided, 30 d", "Open", "Cap",
         "Away until", "Note")
    ]  # fmt: skip
    rows += [
        (
            str(line.user), line.user.email, line.to_answer, line.to_contact, line.overdue, line.soon,
            line.first.due_at if line.first else None, line.kept, line.decided, line.open, line.cap, line.away_until, line.off,
        )
        for line in asked.reps
    ]  # fmt: skip
    answer = HttpResponse(csv_file(rows, timezone.get_current_timezone()), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="sla-board-{timezone.localtime(asked.now):%Y-%m-%d}.csv"'
    return answer


@page(ASSIGN)
@require_POST
def nudge(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the rep to get on with it; the row of the board comes back, or the page the form came from."""
    handoff = handoff_or_404(request, pk)
    try:
        nudge_rep(handoff, actor=reader(request))
    except AccordError as refused:
        return _answered(request, pk, problem=refused.message, status=409)
    return _answered(request, pk, done=f"{handoff.owner} was nudged.")


@page(ASSIGN)
@require_POST
def reassign(request: HttpRequest, pk: int) -> HttpResponse:
    """Give one of the list to another rep without leaving the board."""
    handoff, actor = handoff_or_404(request, pk), reader(request)
    form = ReassignForm(request.POST, prefix="reassign", reps=reps_to_choose(actor))
    if not form.is_valid():
        problem = " ".join(f"{form[name].label}: {errors[0]}" for name, errors in form.errors.items())
        return _answered(request, pk, problem=problem, status=422)
    try:
        reassign_handoff(handoff, actor=actor, to=form.cleaned_data["to"], reason=form.cleaned_data["reason"])
    except Conflict as other:
        return _answered(request, pk, problem=other.message, status=409)
    except AccordError as refused:
        return _answered(request, pk, problem=refused.message, status=422)
    return _answered(request, pk, done=f"Given to {form.cleaned_data['to']}.")


@page(ASSIGN)
@require_http_methods(["GET", "POST"])
def rep_cover(request: HttpRequest, pk: int) -> HttpResponse:
    """Give what somebody has in hand to those who are there; afterwards the page says what went to whom, and what did not and why."""
    actor, now = reader(request), clock.now()
    mine = Handoff.objects.visible_to(actor).filter(state__in=WITH_REP)
    # Somebody without open hand-offs has a page, too: it says that there is nothing to cover.
    rep = get_object_or_404(User.objects.filter(pk__in=_coverable(actor)), pk=pk)
    ids = list(mine.filter(owner=rep).order_by("due_at", "pk").values_list("pk", flat=True))
    reps = [one for one in reps_to_choose(actor).select_related("rep") if one.pk != rep.pk]
    load, away = loads(reps), _away(reps, now)
    form = CoverForm(request.POST or None, reps=[one for one in reps if one.pk not in away])
    done: Covered | None = None
    if request.method == "POST" and form.is_valid():
        states = TIMED if form.cleaned_data["what"] == "timed" else WITH_REP
        try:
            done = cover(rep, actor=actor, to=form.chosen, states=states, reason=form.cleaned_data["reason"])
        except Invalid as wrong:
            form.add_error("to", wrong.message)
    if done is not None and not done.stayed:
        messages.success(request, f"{done.count} hand-off{'' if done.count == 1 else 's'} of {rep} went to {_names(done)}.")
        return HttpResponseRedirect(reverse("admin:sla-board"))
    found = drawn_by_id(ids)
    leave = Leave.objects.filter(rep_id=rep.pk, ends_at__gt=now).order_by("starts_at").first()
    context = {
        "rep": rep,
        "leave": leave,
        "rows": rows_of(ids, found, faces_of(list(found.values()), now)),
        "form": form,
        "choices": [(one, load.get(one.pk, 0), away.get(one.pk)) for one in reps],
        "chosen": set(request.POST.getlist("to")) if request.method == "POST" else {str(leave.cover_id)} if leave else set(),
        "done": done,
        "done_names": _names(done) if done else "",
        "timed": sum(handoff.state in TIMED for handoff in found.values()),
    }
    status = 422 if form.errors else 200
    return render(request, "handoff/board_cover.html", context, title=f"Cover for {rep}", status=status)


def _coverable(actor: User) -> Any:
    """Whoever may have hand-offs that `actor` sees; for who sees all, also those who are no reps any more."""
    return User.objects.values("pk") if actor.has_perm("leads.see_all_leads") else may_be_given(actor).values("pk")


def _away(reps: list[User], now: datetime) -> dict[int, datetime]:
    """Until when each of these who is away now is away."""
    leave = Leave.objects.filter(rep__in=[one.pk for one in reps], starts_at__lte=now, ends_at__gt=now)
    return dict(leave.order_by("ends_at").values_list("rep_id", "ends_at"))


def _names(done: Covered) -> str:
    return ", ".join(f"{user} ({len(some)})" for user, some in done.gone.items()) or "nobody"


def _asked(request: HttpRequest) -> Board:
    team, period = request.GET.get("team", ""), request.GET.get("period", "")
    number = int(team) if team.isdecimal() and len(team) < 10 else None
    return Board(reader(request), clock.now(), team=number, period=period if period in dict(PERIODS) else "today")


def _pulse_of(board: Board) -> dict[str, Any]:
    query = {"team": board.team, "period": board.period}
    chosen = {name: value for name, value in query.items() if value}
    return {
        "pulse": {"mark": board.mark, **chosen},
        "query": urlencode(chosen),
        "team_query": urlencode({"team": board.team}) if board.team else "",
        "poll_ms": POLL_MS + random.randint(-JITTER_MS, JITTER_MS),  # noqa: S311
    }


def _promise_words(now: datetime) -> str:
    """What is promised about answers where no narrower policy speaks, in a sentence; "" when nothing is."""
    book = PolicyBook(now)
    policy = book.choose({}).policy
    ladder = book.ladder(policy.pk, ClockKind.ACCEPT) if policy else None
    if policy is None or ladder is None:
        return ""
    promised = spoken(ladder.duration_us // 1_000_000).replace("h 00m", " h")
    if ladder.clock == SlaTarget.Clock.ELAPSED:
        return f"An answer is promised within {promised}."
    calendar = WorkCalendar.objects.get(pk=book.current_id(policy.calendar_key))
    return f"An answer is promised within {promised} of working time, {week_words(calendar.weekly)} ({calendar.zone})."


def _answered(request: HttpRequest, pk: int, *, problem: str = "", done: str = "", status: int = 200) -> HttpResponse:
    """The row as it is now with what was done or what was wrong; without htmx the page the form came from, told the same."""
    if not wants_row(request):
        if problem:
            messages.error(request, safe_text(problem))
        else:
            messages.success(request, done)
        return HttpResponseRedirect(next_url(request, reverse("admin:sla-board")))
    board = Board(reader(request), clock.now())
    rows = board.listed([row.pk for row in board.handoffs if row.pk == pk])
    context = {"one": rows[0] if rows else None, "pk": pk, "problem": problem, "done": done}
    return render(request, "handoff/_board_answer.html", context, fragment="handoff/_board_answer.html", status=status)
