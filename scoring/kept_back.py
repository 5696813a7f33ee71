"""Leads that qualified because of an import not meant for sales: kept back until somebody hands them over."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from leads.models import ImportRun, Submission, User
from leads.pages import page
from scoring.actions.qualification import release_qualifications
from scoring.models import Qualification


def kept_back(run: ImportRun) -> QuerySet[Qualification]:
    """Open qualifications of this import's leads that sales may not have yet."""
    leads = Submission.objects.filter(import_run=run, lead__isnull=False).values("lead")
    return Qualification.objects.filter(lead__in=leads, closed_at=None, release_at=None)


def import_card(request: HttpRequest, run: ImportRun) -> dict[str, Any] | None:
    """How many leads of this import wait to be handed over; None when none does."""
    count = kept_back(run).values("lead").distinct().count()
    return {"run": run, "count": count} if count else None


@page("leads.import_leads")
@require_POST
def import_release(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk)
    assert isinstance(request.user, User)
    release_qualifications(kept_back(run).values_list("pk", flat=True), actor=request.user)
    return redirect("admin:import-detail", pk)
