"""The day of the next review: set from the criteria page and from the workshop."""

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST

from leads.errors import Conflict, Invalid
from leads.lib.numbers import whole
from leads.pages import page, reader
from scoring.actions.reviewing import SET, set_next_review
from scoring.models import ScoringModel
from scoring.views.versions import criteria_page
from scoring.views.workshop import draft_page


@page(SET)
@require_POST
def review_set(request: HttpRequest, key: str) -> HttpResponse:
    """A refusal shows the page it was sent from again, with what was typed."""
    model = get_object_or_404(ScoringModel, key=key)
    draft = model.versions.filter(pk=whole(request.POST.get("draft")) or 0, status="draft").select_related("model").first()
    typed = request.POST.get("on", "").strip()
    try:
        set_next_review(model, _day(typed), actor=reader(request), seen=_day(request.POST.get("seen", "")))
    except (Invalid, Conflict) as refused:
        more = {"review_error": refused.message, "review_typed": typed}
        status = 409 if isinstance(refused, Conflict) else 422
        if draft is not None:
            return draft_page(request, draft, status=status, **more)
        return criteria_page(request, key, status=status, **more)
    on = model.next_review_on
    messages.success(request, f"The next review is on {on:%-d %B %Y}." if on else "No review is planned.")
    if draft is not None:
        return redirect("admin:criteria-draft", draft.pk)
    return redirect(f"{reverse('admin:criteria')}?model={key}#review")


def _day(text: str) -> date | None:
    """A day as a date field sends it; None for an empty one."""
    if not text.strip():
        return None
    try:
        found = parse_date(text.strip())
    except ValueError:
        found = None
    if found is None:
        raise Invalid("This is no day.", code="bad_date", field="on", value=text, expected="a day such as 2026-12-24")
    return found
