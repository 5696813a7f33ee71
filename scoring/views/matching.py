"""The open leads a criterion hits, as a list like that of all leads."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from leads import clock
from leads.errors import NotFound
from leads.listing import LeadListing
from leads.models import Lead
from leads.pages import page, reader, render
from leads.paging import MOST_ROWS
from scoring.compiler import scope_and_criterion
from scoring.hit_leads import open_leads_hit
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
    leads = open_leads_hit(Lead.objects.visible_to(reader(request)), scope, criterion, clock.now())
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
