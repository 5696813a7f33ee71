"""What a version rests on: reports, lists of leads, rejection reasons; part of it, and frozen with it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q
from django.http import QueryDict
from django.urls import Resolver404, resolve

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid
from leads.filters import LeadFilter
from leads.models import Case, Reason, User
from scoring.actions.drafting import EDIT, editing
from scoring.models import Evidence, ModelVersion


def add_evidence(
    version: ModelVersion,
    *,
    actor: User,
    kind: str,
    label: str = "",
    url: str = "",
    reason: Reason | None = None,
    note: str = "",
    at: datetime | None = None,
) -> Evidence:
    """Add to a draft what it rests on. A list of leads is given as the address of the filtered lead list; it is counted.

    Raises Invalid, Conflict when the version is no draft any more.
    """
    demand(actor, EDIT, to="add evidence")
    found = Evidence(
        version=version, kind=kind, label=label.strip()[:120], note=note.strip(), added_by=actor, at=at or clock.now()
    )
    match kind:
        case Evidence.Kind.REASON:
            if reason is None:
                raise Invalid("Choose the rejection reason.", code="missing", field="reason")
            found.reason, found.count = reason, Case.objects.filter(Q(reason=reason) | Q(reason__parent=reason)).count()
        case Evidence.Kind.LEADS:
            found.url, found.count = _lead_list(url, actor)
        case Evidence.Kind.REPORT:
            found.url = _address(url)
        case _:
            raise Invalid(f"There is no evidence of the kind “{kind}”.", code="not_a_choice", field="kind", value=kind)
    with editing(version, actor=actor, rev=version.rev, verb="add_evidence") as edit:
        found.save()
        edit.target, edit.after = str(found.pk), evidence_data(found)
    return found


def remove_evidence(evidence: Evidence, *, actor: User | None) -> None:
    """Take evidence away from a draft. Raises Conflict when the version is no draft any more."""
    with editing(evidence.version, actor=actor, rev=evidence.version.rev, verb="remove_evidence") as edit:
        edit.target, edit.before = str(evidence.pk), evidence_data(evidence)
        if not Evidence.objects.filter(pk=evidence.pk).delete()[0]:
            raise Conflict("Somebody took this away meanwhile.", code="gone")


def evidence_data(one: Evidence) -> dict[str, Any]:
    """A piece of evidence as the log keeps it; `label` is what it is called there."""
    return {
        "label": str(one),
        "called": one.label,
        "kind": one.kind,
        "url": one.url,
        "reason": one.reason_id,
        "count": one.count,
        "note": one.note,
        "added_by": one.added_by_id,
        "at": one.at.isoformat(),
    }


def put_back(version: ModelVersion, pk: int, kept: Mapping[str, Any]) -> Evidence:
    """Evidence as the log kept it, with its own number, within an edit."""
    found = Evidence(
        pk=pk,
        version=version,
        kind=kept["kind"],
        label=kept["called"],
        url=kept["url"],
        reason_id=kept["reason"],
        count=kept["count"],
        note=kept["note"],
        added_by_id=kept["added_by"],
        at=datetime.fromisoformat(kept["at"]),
    )
    found.save(force_insert=True)
    return found


def _address(url: str) -> str:
    url = url.strip()
    strange = any(letter == "\\" or letter.isspace() for letter in url)  # a browser reads /\\host and /<tab>/host as //host
    if strange or not url.startswith(("https://", "http://", "/")) or url.startswith("//") or len(url) > 500:
        raise Invalid("Give the report's address.", code="invalid", field="url", value=url, expected="https://… or /…")
    return url


def _lead_list(url: str, actor: User) -> tuple[str, int]:
    """The path of a filtered lead list and how many leads it shows the person."""
    parts = urlsplit(url.strip())
    try:
        is_list = resolve(parts.path).view_name == "admin:lead-list"
    except Resolver404:
        is_list = False
    if not is_list:
        raise Invalid(
            "That is no lead list. Filter the leads, then paste the page's address.",
            code="invalid",
            field="url",
            value=url,
            expected="/leads/?…",
        )
    shown = LeadFilter(QueryDict(parts.query), user=actor)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path, shown.qs.count()
