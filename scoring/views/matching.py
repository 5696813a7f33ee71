"""The open leads a criterion hits, as a list like that of all leads."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from leads import clock
from leads.choices import SCORED_OPEN
from leads.errors import NotFound
from leads.listing import LeadListing
from leads.models import Lead
from leads.pages import page, reader, render
from leads.paging import MOST_ROWS
from scoring.compiler import scope_and_criterion
from scoring.evaluate_query import hits, holds
from scoring.models import ModelVersion
from scoring.vocabulary import load_registry, load_wording

SEE = "scoring.see_criteria"


@page(SEE)
def criterion_leads(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Of a draft as it is now, or of a version; leads the model does not judge are not among them."""
    version = get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)
    registry = load_registry()
    found = scope_and_criterion(version, key, registry)
    if found is None:
        raise NotFound(f"{version.label} has no criterion “{key}”.")
    scope, criterion = found
    now = clock.now()
    leads = Lead.objects.visible_to(reader(request)).filter(holds(scope, now), hits(criterion, now), stage__in=SCORED_OPEN)
    listing = LeadListing(request.GET, reader(request), leads)
    return render(
        request,
        "scoring/criterion_leads.html",
        {
            "version": version,
            "criterion": criterion,
            "sentence": load_wording(registry).criterion(criterion),
            "scope": scope,
            "listing": listing,
            "filter": listing.filter,
            "page": listing.page,
            "heads": listing.heads,
            "most_rows": MOST_ROWS,
            "nobody": f"No open lead meets “{criterion.label}” now.",
            "everything": request.path,
        },
        title=f"Leads that meet “{criterion.label}”",
        fragment="leads/_lead_table.html",
    )
