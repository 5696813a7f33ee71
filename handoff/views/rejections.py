"""The rejection review: what reps gave back and why, marketing's verdict on each, and the same list as a file."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from handoff.actions.reviewing import review_rejection, undo_review
from handoff.clocks import review_faces
from handoff.filters import RejectionFilter
from handoff.forms import ReviewForm, problems_of
from handoff.models import Handoff, RejectionReview
from handoff.packet import readable
from handoff.rejections import answered, findings, known_sources, listed, reason_bars, rejections, unreviewed_count
from handoff.states import REVIEW, UNDO
from handoff.views.asking import handoff_or_404, next_url, wants_row
from leads import clock
from leads.errors import AccordError
from leads.export import csv_file
from leads.pages import page, reader, render
from leads.paging import BoundedPaginator

PAGE_SIZE = 50
MOST_AT_ONCE = 200
JUST_DONE = "rejections-just-done"  # in the session: the hand-offs of the latest verdict on several
DONE_WORDS = {"agree": "agreed", "dispute": "disputed", "recycle": "recycled"}


@page(REVIEW)
@require_GET
def rejection_list(request: HttpRequest) -> HttpResponse:
    """Reasons as bars, what the criteria paid for, and the rejections themselves; for htmx, all but the page's head."""
    now = clock.now()
    narrowed = _filtered(request, now)
    rows = listed(narrowed.qs)
    days = narrowed.days
    kept = request.GET.copy()
    for name in ("reason", "page"):
        kept.pop(name, None)
    for_bars = narrowed.without("reason", "period")
    listed_now = BoundedPaginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    faces = review_faces(listed_now.object_list, now)
    for row in listed_now.object_list:
        row.review_face = faces.get(row.pk)
    context = {
        "filter": narrowed,
        "page": listed_now,
        "bars": reason_bars(for_bars, now=now, days=days, chosen=request.GET.get("reason", ""), query=kept.urlencode()),
        "findings": findings(
            narrowed.without("reason", "reviewed"), narrowed.without("reason", "reviewed", "q", of=answered(reader(request)))
        ),
        "days": days,
        "waiting": unreviewed_count(reader(request)),
        "query": request.GET.urlencode(),
        "undoable": _undoable(request, now),
        "has_any": bool(request.GET) or rejections(reader(request)).exists(),
        "now": now,
    }
    return render(request, "handoff/rejections.html", context, title="Rejection review", fragment="handoff/_rejections.html")


@page(REVIEW)
@require_GET
def rejection_lines(request: HttpRequest, pk: int) -> HttpResponse:
    """The lines of the score a rejected lead was handed over with."""
    handoff = handoff_or_404(request, pk)
    stored = Handoff.objects.filter(pk=handoff.pk).values_list("packet__content__lines", flat=True).first()
    context = {"handoff": handoff, "lines": readable(stored or [])}
    return render(request, "handoff/_rejection_lines.html", context, fragment="handoff/_rejection_lines.html")


@page(REVIEW)
@require_POST
def rejection_review(request: HttpRequest) -> HttpResponse:
    """One verdict on one rejection or several. Each stands by itself: one that cannot be reviewed does not hold up the others."""
    user = reader(request)
    given = [int(text) for text in request.POST.getlist("ids")[:MOST_AT_ONCE] if text.isdecimal() and len(text) < 19]
    known = list(Handoff.objects.visible_to(user).filter(pk__in=given).values_list("pk", flat=True))
    form = ReviewForm(request.POST, actor=reader(request), now=clock.now(), known=known)
    if not form.is_valid():
        return _refused(request, known, problems_of(form), status=422)
    done, refused = [], []
    for handoff in Handoff.objects.filter(pk__in=form.cleaned_data["ids"]).select_related("lead").order_by("lead_id", "pk"):
        try:
            review_rejection(
                handoff, actor=user, verdict=form.cleaned_data["verdict"], note=form.cleaned_data["note"],
                return_on=form.cleaned_data["return_on"],
            )  # fmt: skip
            done.append(handoff.pk)
        except AccordError as other:
            refused.append(f"{handoff.lead.name}: {other.message}")
    if wants_row(request) and len(known) == 1:
        return _row(request, known[0], problem=refused[0] if refused else "", status=409 if refused else 200)
    request.session[JUST_DONE] = done
    for words in refused[:10]:
        messages.error(request, words)
    return HttpResponseRedirect(next_url(request, reverse("admin:rejection-list")))


@page(REVIEW)
@require_POST
def rejection_undo(request: HttpRequest) -> HttpResponse:
    """Take back one's own verdicts, one or several, while there is time; each stands by itself."""
    user = reader(request)
    given = [int(text) for text in request.POST.getlist("ids")[:MOST_AT_ONCE] if text.isdecimal() and len(text) < 19]
    refused = []
    rows = Handoff.objects.visible_to(user).filter(pk__in=given).select_related("lead").order_by("lead_id", "pk")
    for handoff in rows:
        try:
            undo_review(handoff, actor=user)
        except AccordError as other:
            refused.append(f"{handoff.lead.name}: {other.message}")
    if wants_row(request) and len(rows) == 1:
        return _row(request, rows[0].pk, problem=refused[0] if refused else "", status=409 if refused else 200)
    for words in refused[:10]:
        messages.error(request, words)
    return HttpResponseRedirect(next_url(request, reverse("admin:rejection-list")))


def _undoable(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    """The verdict the person has just given on several rejections, in words, with what undoes it; None when it is too late."""
    ids = request.session.get(JUST_DONE)
    if not ids:
        return None
    rows = list(RejectionReview.objects.filter(handoff__in=ids, by=reader(request), at__gt=now - UNDO).order_by("at"))
    if not rows:
        del request.session[JUST_DONE]
        return None
    words = f"{len(rows)} rejection{'' if len(rows) == 1 else 's'} {DONE_WORDS[rows[0].verdict]}."
    return {"ids": [review.handoff_id for review in rows], "until": rows[0].undo_until, "words": words}


@page(REVIEW)
@require_GET
def rejection_export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The list as it is filtered, as CSV that no spreadsheet takes for formulas."""
    now = clock.now()
    rows = listed(_filtered(request, now).qs)
    name = f"rejections-{timezone.localtime(now):%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        csv_file(chain([HEADERS], map(_cells, rows.iterator(chunk_size=1000))), reader(request).zone),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


HEADERS = (
    "Hand-off",
    "Company",
    "Person",
    "E-mail",
    "Source",
    "Campaign",
    "Rep",
    "Rejected",
    "Reason",
    "Note",
    "Score",
    "Verdict",
    "Reviewed by",
    "Reviewed",
    "Verdict note",
    "Comes back",
)


def _cells(row: Handoff) -> tuple[object, ...]:
    lead, review = row.lead, getattr(row, "review", None)
    campaign = lead.first_campaign.name if lead.first_campaign else ""
    about = (row.pk, str(lead.company or ""), lead.name, lead.email, lead.first_source, campaign, str(row.owner or ""))
    answer = (row.answered_at, str(row.reason or ""), row.note, row.score)
    if review is None:
        return *about, *answer, "", "", None, "", None
    return *about, *answer, review.get_verdict_display(), str(review.by), review.at, review.note, review.return_on


def _filtered(request: HttpRequest, now: datetime) -> RejectionFilter:
    rows = rejections(reader(request))
    return RejectionFilter(request.GET, queryset=rows, now=now, sources=known_sources(reader(request)))


def _typed(request: HttpRequest) -> dict[str, Any]:
    """What the person had typed, for the form that comes back."""
    return {
        "given_note": request.POST.get("note", ""),
        "given_return": request.POST.get("return_on", ""),
        "given_verdict": request.POST.get("verdict", ""),
        "known_verdicts": RejectionReview.Verdict.values,
    }


def _row(request: HttpRequest, pk: int, *, problem: str = "", status: int = 200) -> HttpResponse:
    """The row as it is now, with what the page and the navigation count of those that wait."""
    row, waiting = listed(Handoff.objects.filter(pk=pk)).get(), unreviewed_count(reader(request))
    face = review_faces([row], clock.now()).get(pk)
    review = getattr(row, "review", None)
    may_undo = review is not None and review.by_id == reader(request).pk and review.undo_until > clock.now()
    context = {
        "handoff": row, "review_face": face, "waiting": waiting, "problem": problem, "may_undo": may_undo, **(_typed(request) if problem else {}),
    }  # fmt: skip
    part = "handoff/_rejection_reviewed.html"
    answer = render(request, part, context, fragment=part, status=status)
    return trigger_client_event(answer, "badge", {"key": "rejections", "count": waiting})


def _refused(request: HttpRequest, known: list[int], problem: str, *, status: int) -> HttpResponse:
    """What was wrong, in the row it was about; for several, on a page that keeps what was typed."""
    if wants_row(request) and len(known) == 1:
        return _row(request, known[0], problem=problem, status=status)
    context = {
        **_typed(request),
        "problem": problem,
        "rows": list(listed(Handoff.objects.filter(pk__in=known))),
        "here": next_url(request, reverse("admin:rejection-list")),
        "verdicts": RejectionReview.Verdict.choices,
    }
    return render(request, "handoff/review.html", context, title="Review rejections", status=status)
