"""What the home page says of leads: who came in, how far they got, where they come from, whom nobody can reach, last imports."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from leads import clock
from leads.choices import ContactProblem, Stage
from leads.models import ImportRun, Lead
from leads.pages import reader

COHORT = timedelta(days=30)
WEEK = timedelta(days=7)
MOST_SOURCES = 8
MOST_IMPORTS = 5
# The funnel as people draw it: a lead stands in the last step it reached.
FUNNEL: tuple[tuple[str, frozenset[Stage]], ...] = (
    ("Came in", frozenset(Stage)),
    ("Can be reached", frozenset(Stage) - {Stage.INQUIRY, Stage.DISQUALIFIED}),
    ("Qualified", frozenset({Stage.MQL, Stage.SAL, Stage.SQL, Stage.WON, Stage.LOST, Stage.REJECTED})),
    ("Accepted", frozenset({Stage.SAL, Stage.SQL, Stage.WON, Stage.LOST})),
    ("Won", frozenset({Stage.WON})),
)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source of the last month: how many came, how many of them qualified, and the list of them."""

    name: str
    leads: int
    qualified: int
    url: str

    @property
    def share(self) -> float:
        return self.qualified / self.leads


def _sees_many(request: HttpRequest) -> bool:
    return request.user.has_perm("leads.see_all_leads") or request.user.has_perm("leads.see_team_leads")


def _list(**params: str) -> str:
    return f"{reverse('admin:lead-list')}?{urlencode(params)}" if params else reverse("admin:lead-list")


def _cohort(request: HttpRequest) -> list[tuple[str, str, int, int]]:
    """(stage, source, leads, of these new this week) of everybody who came in within the last month; one query a request."""
    held: list[tuple[str, str, int, int]] | None = getattr(request, "_lead_cohort", None)
    if held is None:
        now = clock.at_hand()
        rows = Lead.objects.visible_to(reader(request)).filter(created_at__gte=now - COHORT).order_by()
        counted = rows.values_list("stage", "first_source").annotate(
            leads=Count("pk"), new=Count("pk", filter=Q(created_at__gte=now - WEEK))
        )
        held = list(counted)
        request._lead_cohort = held  # type: ignore[attr-defined]
    return held


def new_leads(request: HttpRequest) -> dict[str, Any] | None:
    """New leads of the week by stage, and how far those of the last month got."""
    if not _sees_many(request):
        return None
    rows = _cohort(request)
    by_stage: Counter[str] = Counter()
    new: Counter[str] = Counter()
    for stage, _, leads, fresh in rows:
        by_stage[stage] += leads
        new[stage] += fresh
    came = by_stage.total()
    reached = ((label, sum(by_stage[stage] for stage in stages)) for label, stages in FUNNEL)
    return {
        "new": new.total(),
        "came": came,
        "stages": [(stage, new[stage]) for stage in Stage if new[stage]],
        "funnel": [
            {"label": label, "value": value, "note": f"{value / came:.0%}".replace("%", "\u202f%") if came else ""}
            for label, value in reached
        ],
        "list_url": _list(sort="-created"),
    }


def sources(request: HttpRequest) -> dict[str, Any] | None:
    """Where the leads of the last month came from, the largest first."""
    if not _sees_many(request):
        return None
    leads: Counter[str] = Counter()
    qualified: Counter[str] = Counter()
    in_reach = dict(FUNNEL)["Qualified"]
    for stage, source, count, _ in _cohort(request):
        leads[source] += count
        qualified[source] += count if stage in in_reach else 0
    if not leads:
        return None
    after = (clock.at_hand() - COHORT).date().isoformat()
    rows = [
        SourceRow(source or "Not known", count, qualified[source], _list(source=source, created_after=after) if source else "")
        for source, count in leads.most_common(MOST_SOURCES)
    ]
    return {"rows": rows, "others": max(0, len(leads) - MOST_SOURCES)}


def unreachable(request: HttpRequest) -> dict[str, Any] | None:
    """Everybody who cannot be reached, by reason; left out when there is nobody."""
    if not _sees_many(request):
        return None
    found = Lead.objects.visible_to(reader(request)).exclude(contact_problem="").order_by()
    counts = dict(found.values_list("contact_problem").annotate(leads=Count("pk")))
    if not counts:
        return None
    rows = [
        {"label": problem.label, "value": counts[problem], "url": _list(contact=problem.value)}
        for problem in ContactProblem
        if counts.get(problem)
    ]
    return {
        "rows": sorted(rows, key=lambda row: -row["value"]),
        "total": sum(counts.values()),
        "list_url": _list(contact="unusable"),
    }


def last_imports(request: HttpRequest) -> dict[str, Any] | None:
    if not request.user.has_perm("leads.import_leads"):
        return None
    runs = list(ImportRun.objects.select_related("created_by").order_by("-created_at", "-pk")[:MOST_IMPORTS])
    return {"runs": runs} if runs else None
