"""A version out and in: as JSON, and as a scorecard for spreadsheets."""

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from leads.errors import Invalid
from leads.pages import page, reader
from scoring.actions.versions import import_draft
from scoring.compiler import compile_version
from scoring.exchange import MOST_BYTES, scorecard, version_document
from scoring.models import ModelVersion, ScoringModel

SEE, EDIT = "scoring.see_criteria", "scoring.edit_draft"


@page(SEE)
def version_export(request: HttpRequest, pk: int, form: str) -> HttpResponseBase:
    """The version as a file: `json` or `csv`."""
    version = get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)
    name = f"{version.model.key}-{version.label}.{form}"
    if form == "json":
        answer: HttpResponseBase = JsonResponse(
            version_document(version), encoder=DjangoJSONEncoder, json_dumps_params={"ensure_ascii": False, "indent": 2}
        )
    else:
        compile_version(version)  # what is wrong is said before the first line is sent
        answer = StreamingHttpResponse(scorecard(version), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@page(EDIT)
@require_POST
def version_import(request: HttpRequest, key: str) -> HttpResponse:
    """A new draft from an exported version."""
    model = get_object_or_404(ScoringModel, key=key)
    sent = request.FILES.get("file")
    if not isinstance(sent, UploadedFile):
        raise Invalid("Choose a file first.", code="missing", field="file", expected="a version exported here")
    draft = import_draft(model, sent.read(MOST_BYTES + 1), actor=reader(request))
    messages.success(request, f"{draft.label} is a draft with the content of {sent.name}.")
    return redirect("admin:criteria-draft", draft.pk)
