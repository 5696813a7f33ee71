"""A version as a brief of two printed pages; the workshop puts it on paper in its own place."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from leads.pages import page, reader, render
from scoring.brief import brief_of
from scoring.models import ModelVersion

SEE = "scoring.see_criteria"


@page(SEE)
def version_brief(request: HttpRequest, pk: int) -> HttpResponse:
    """The brief of a version against the one in force or, of that, against what it replaced."""
    version = get_object_or_404(ModelVersion.objects.select_related("model", "created_by"), pk=pk)
    title = f"Brief of {version.model.name} {version.label}"
    context = {"version": version, "brief": brief_of(version, reader(request))}
    response = render(request, "scoring/brief.html", context, title=title, fragment="scoring/_brief.html")
    response["Cache-Control"] = "no-store"
    return response
