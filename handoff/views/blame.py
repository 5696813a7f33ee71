"""Where the time goes: a report of whose the time of hand-offs was, and the same as a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from handoff.blame_report import GROUPS, MOST, PERIODS, Report
from handoff.states import ASSIGN, REVIEW
from leads import clock
from leads.export import csv_file
from leads.pages import page, reader, render


@page(ASSIGN, REVIEW)
@require_GET
def time_report(request: HttpRequest) -> HttpResponse:
    """The whole page or, for htmx, all but its head."""
    report = _asked(request)
    context = {
        "report": report,
        "periods": PERIODS,
        "groups": GROUPS,
        "most": MOST,
        "query": urlencode({"days": str(report.days), "by": report.by}),
        "group_label": dict(GROUPS)[report.by],
        "may_board": reader(request).has_perm(ASSIGN),
    }
    return render(request, "handoff/blame.html", context, title="Where the time goes", fragment="handoff/_blame.html")


@page(ASSIGN, REVIEW)
@require_GET
def time_export(request: HttpRequest) -> HttpResponse:
    report = _asked(request)
    answer = HttpResponse(csv_file(report.table()), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="where-the-time-goes-{timezone.localtime(report.now):%Y-%m-%d}.csv"'
    return answer


def _asked(request: HttpRequest) -> Report:
    days, by = request.GET.get("days", ""), request.GET.get("by", "")
    known = {str(value): value for value, _ in PERIODS}
    return Report(reader(request), clock.now(), days=known.get(days, 30), by=by if by in dict(GROUPS) else "rep")
