"""When a rep is away: their own page, and the same for whoever manages them."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from handoff.actions.leave import AHEAD, MANAGE_LEAVE, enter_leave, leave_words, may_keep_leave, take_in_leave, withdraw_leave
from handoff.icalendars import MOST_BYTES, Reading, read_apart
from handoff.models import Leave, Rep
from handoff.policybook import PolicyBook
from handoff.states import ANSWER
from leads import clock
from leads.errors import AccordError, Conflict, Invalid
from leads.models import User
from leads.pages import page, reader, render

SHOWN_PAST = 10
SHOWN_PROBLEMS = 20


class LeaveForm(forms.Form):
    """Days away, the first and the last perhaps by half."""

    first = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    from_midday = forms.BooleanField(label="only from midday", required=False)
    last = forms.DateField(label="Last day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    until_midday = forms.BooleanField(label="only until midday", required=False)
    reason = forms.CharField(label="Why", required=False, max_length=120)
    cover = forms.ModelChoiceField(
        User.objects.none(),
        label="Who stands in",
        required=False,
        empty_label="Nobody named",
        help_text="Chosen already when a manager gives the open hand-offs to somebody else.",
    )

    def __init__(self, *args: Any, rep: Rep, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["cover"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = User.objects.filter(rep__isnull=False, is_active=True).exclude(pk=rep.pk).order_by("full_name")


@page(ANSWER, MANAGE_LEAVE)
@require_GET
def my_leave(request: HttpRequest) -> HttpResponse:
    """One's own page."""
    return HttpResponseRedirect(reverse("admin:rep-leave", args=[reader(request).pk]))


@page(ANSWER, MANAGE_LEAVE)
@require_http_methods(["GET", "POST"])
def rep_leave(request: HttpRequest, pk: int) -> HttpResponse:
    """What is entered for a rep, and a form for more."""
    rep = _rep_or_404(request, pk)
    form = LeaveForm(request.POST or None, rep=rep)
    if request.method == "POST" and form.is_valid():
        try:
            leave = enter_leave(rep, **form.cleaned_data, actor=reader(request))
        except Invalid as wrong:
            form.add_error(wrong.field if wrong.field in form.fields else None, wrong.message)
        except Conflict as other:
            form.add_error("first", other.message)
        else:
            messages.success(request, f"Away {leave_words(leave, _zone(rep))}.")
            return HttpResponseRedirect(request.path)
    return _drawn(request, rep, form, status=422 if form.errors else 200)


@page(ANSWER, MANAGE_LEAVE)
@require_POST
def leave_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Take in an uploaded calendar file; what could not be read is listed, by line."""
    rep = _rep_or_404(request, pk)
    given = request.FILES.get("file")
    now = clock.now()
    try:
        if given is None or not given.size:
            raise Invalid("Choose a calendar file (.ics) first.", field="file")
        if given.size > MOST_BYTES:
            raise Invalid(f"The file is larger than {MOST_BYTES // 1_000_000} MB.", field="file")
        reading = read_apart(given.read(), _zone(rep), now, now + AHEAD)
        done = take_in_leave(rep, reading.found, reading.cancelled, actor=reader(request))
    except AccordError as refused:
        return _drawn(request, rep, LeaveForm(rep=rep), file_problem=refused.message, status=422)
    if not reading.problems:
        told = f"{done.new} new, {done.changed} changed, {done.same} as before, {done.gone} gone."
        passed = f" {reading.passed_over} meetings and entries marked as free were left out." if reading.passed_over else ""
        messages.success(request, f"Calendar file taken in: {told}{passed}")
        return HttpResponseRedirect(reverse("admin:rep-leave", args=[rep.pk]))
    return _drawn(request, rep, LeaveForm(rep=rep), reading=reading, done=done)


@page(ANSWER, MANAGE_LEAVE)
@require_POST
def leave_take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one leave back; of one under way the rest."""
    leave = get_object_or_404(Leave.objects.select_related("rep__user"), pk=pk)
    rep = _rep_or_404(request, leave.rep_id)
    try:
        withdraw_leave(leave, actor=reader(request))
    except Conflict as late:
        messages.error(request, late.message)
    else:
        messages.success(request, f"No longer away {leave_words(leave, _zone(rep))}.")
    return HttpResponseRedirect(reverse("admin:rep-leave", args=[rep.pk]))


def _rep_or_404(request: HttpRequest, pk: int) -> Rep:
    """The rep whose leave this person may keep; one's own page is there without being a rep, too, and says so."""
    user = get_object_or_404(User, pk=pk)
    if not may_keep_leave(reader(request), user):
        raise Http404
    return Rep.objects.select_related("user").filter(pk=pk).first() or Rep(user=user)


def _zone(rep: Rep) -> ZoneInfo:
    """The zone of a rep's hours: a day away is a day there."""
    return ZoneInfo(PolicyBook(clock.now()).hours_of(rep.pk).zone)


def _drawn(
    request: HttpRequest,
    rep: Rep,
    form: LeaveForm,
    *,
    file_problem: str = "",
    reading: Reading | None = None,
    done: Any = None,
    status: int = 200,
) -> HttpResponse:
    now, zone = clock.now(), _zone(rep)
    is_rep = not rep._state.adding
    rows = list(Leave.objects.filter(rep=rep.pk).select_related("cover").order_by("starts_at")) if is_rep else []
    mine = rep.pk == reader(request).pk
    context = {
        "rep": rep,
        "is_rep": is_rep,
        "mine": mine,
        "form": form,
        "ahead": [(row, leave_words(row, zone), row.starts_at <= now) for row in rows if row.ends_at > now],
        "past": [(row, leave_words(row, zone)) for row in rows if row.ends_at <= now][::-1][:SHOWN_PAST],
        "zone": zone,
        "file_problem": file_problem,
        "reading": reading,
        "problems": reading.problems[:SHOWN_PROBLEMS] if reading else [],
        "more_problems": max(0, len(reading.problems) - SHOWN_PROBLEMS) if reading else 0,
        "done": done,
        "may_setup": reader(request).has_perm("handoff.view_rep"),
        "most_mb": MOST_BYTES // 1_000_000,
    }
    title = "Time away" if mine else f"Time away of {rep.user}"
    return render(request, "handoff/leave.html", context, title=title, status=status)
