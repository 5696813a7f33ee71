"""What the home page says of leads: who came in, how far they got, where they come from, whom nobody can reach, last imports."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Q, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from leads import clock
from leads.choices import ContactProblem, Stage
from leads.models import ImportRun, Lead
from leads.pages import reader
from leads.slots import slots

COHORT = timedelta(days=30)
WEEK = timedelta(days=7)
MOST_SOURCES = 8
MOST_IMPORTS = 5
REACHED = frozenset(Stage) - {Stage.INQUIRY, Stage.DISQUALIFIED}
ACCEPTED = frozenset({Stage.SAL, Stage.SQL, Stage.WON, Stage.LOST})
DECIDED = frozenset({Stage.WON, Stage.LOST, Stage.REJECTED})


class Group(NamedTuple):
    """Leads of the last month alike in all that the cards tell apart. `new` of them came within the last week."""

    stage: str
    source: str
    qualified: bool
    leads: int
    new: int


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source of the last month: how many came, how many of them got on (qualified, or accepted), and the list of them."""

    name: str
    leads: int
    got_on: int
    url: str

    @property
    def share(self) -> float:
        return self.got_on / self.leads


def _sees_all(request: HttpRequest) -> bool:
    return request.user.has_perm("leads.see_all_leads")


def _sees_many(request: HttpRequest) -> bool:
    return request.user.has_perm("leads.see_all_leads") or request.user.has_perm("leads.see_team_leads")


def _list(**params: str) -> str:
    return f"{reverse('admin:lead-list')}?{urlencode(params)}" if params else reverse("admin:lead-list")


def _cohort(request: HttpRequest) -> list[Group]:
    """Everybody who came in within the last month; one query a request."""
    held: list[Group] | None = getattr(request, "_lead_cohort", None)
    if held is None:
        now = clock.at_hand()
        rows = Lead.objects.visible_to(reader(request)).filter(created_at__gte=now - COHORT).order_by()
        judged = rows.annotate(met=slots.qualified() if slots.qualified else Value(value=False))
        counted = judged.values_list("stage", "first_source", "met").annotate(
            leads=Count("pk"), new=Count("pk", filter=Q(created_at__gte=now - WEEK))
        )
        held = [Group(*row) for row in counted]
        request._lead_cohort = held  # type: ignore[attr-defined]
    return held


def _funnel(request: HttpRequest, groups: Sequence[Group]) -> list[tuple[str, int]]:
    """How far leads got, as people draw it: a lead stands in the last step it reached.

    Sales see only what qualified and was handed to them, so theirs begins there. Outcomes that came in with a lead are no steps.
    """

    def count(test: Callable[[Group], bool]) -> int:
        return sum(group.leads for group in groups if test(group))

    came = count(lambda group: True)
    if not _sees_all(request):
        accepted, won = count(lambda group: group.stage in ACCEPTED), count(lambda group: group.stage == Stage.WON)
        return [("Handed to the team", came), ("Accepted", accepted), ("Won", won)]
    steps = [("Came in", came), ("Can be reached", count(lambda group: group.stage in REACHED))]
    if slots.qualified:
        steps += [
            ("Qualified", count(lambda group: group.qualified)),
            ("Accepted", count(lambda group: group.qualified and group.stage in ACCEPTED)),
            ("Won", count(lambda group: group.qualified and group.stage == Stage.WON)),
        ]
    return steps


def new_leads(request: HttpRequest) -> dict[str, Any] | None:
    """New leads of the week by stage, and how far those of the last month got."""
    if not _sees_many(request):
        return None
    groups = _cohort(request)
    new: Counter[str] = Counter()
    for group in groups:
        new[group.stage] += group.new
    came = sum(group.leads for group in groups)
    sees_all = _sees_all(request)
    brought = sum(group.leads for group in groups if group.stage in DECIDED and not group.qualified)
    return {
        "new": new.total(),
        "came": came,
        "stages": [(stage, new[stage]) for stage in Stage if new[stage]],
        "funnel": [
            {"label": label, "value": value, "note": f"{value / came:.0%}".replace("%", "\u202f%") if came else ""}
            for label, value in _funnel(request, groups)
        ],
        "decided_elsewhere": brought if sees_all and slots.qualified else 0,
        "sees_all": sees_all,
        "list_url": _list(sort="-created"),
    }


def sources(request: HttpRequest) -> dict[str, Any] | None:
    """Where the leads of the last month came from, the largest first, and how many of each got on."""
    if not _sees_many(request):
        return None
    sees_all = _sees_all(request)
    leads: Counter[str] = Counter()
    got_on: Counter[str] = Counter()
    for group in _cohort(request):
        leads[group.source] += group.leads
        got_on[group.source] += group.leads if (group.qualified if sees_all else group.stage in ACCEPTED) else 0
    if not leads:
        return None
    after = (clock.at_hand() - COHORT).date().isoformat()
    rows = [
        SourceRow(source or "Not known", count, got_on[source], _list(source=source, created_after=after) if source else "")
        for source, count in leads.most_common(MOST_SOURCES)
    ]
    step = ("Qualified" if slots.qualified else "") if sees_all else "Accepted"
    return {"rows": rows, "step": step, "others": max(0, len(leads) - MOST_SOURCES)}


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
