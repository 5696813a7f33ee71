"""API v1 of the criteria: what is in force, for systems that want to know by what leads are judged."""

from typing import Any

from django.http import HttpRequest
from ninja import Router
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from leads.api import KeyAuth
from leads.api_document import content, failures
from leads.errors import NotFound
from leads.models import ApiKey
from scoring.exchange import version_document
from scoring.models import ModelVersion, ScoringModel

router = Router(tags=["Criteria"])
SCOPE = ApiKey.Scope.LEADS_READ


class ModelInForce(BaseModel):
    """A scoring model and its version in force."""

    model_config = ConfigDict(extra="forbid")
    model: str = Field(examples=["enterprise"])
    name: str
    version: int | None = Field(description="Number of the version in force; null before there is one.")
    hash: str | None = Field(description="sha256 of the canonical spec, as both sides signed it.")
    in_force_since: AwareDatetime | None


class Models(BaseModel):
    """All scoring models, the first by which lists show scores first."""

    model_config = ConfigDict(extra="forbid")
    models: list[ModelInForce]


class Criteria(BaseModel):
    """A version in force with its whole content, as it can be imported elsewhere."""

    model_config = ConfigDict(extra="forbid")
    kind: str = Field(examples=["accord.criteria"])
    format: int
    model: str
    name: str
    version: int
    status: str
    hash: str
    reason: str
    in_force_since: AwareDatetime | None
    spec: dict[str, Any] = Field(description="Scope, groups, criteria, gates and decision.")


SHAPES = (Models, ModelInForce, Criteria)


def _answers(shape: type[BaseModel], words: str, *statuses: int) -> dict[str, Any]:
    described = {200: {"description": words, "content": content(shape.__name__)}}
    return {"x-scope": SCOPE.value, "responses": described | failures(401, 403, *statuses, 422, 429, 500, codes=("invalid",))}


@router.get("/criteria", auth=KeyAuth(SCOPE), openapi_extra=_answers(Models, "The models"), summary="List the scoring models")
def list_models(request: HttpRequest) -> dict[str, Any]:
    rows = ScoringModel.objects.select_related("active_version")
    return {"models": [_in_force(model) for model in rows]}


def _in_force(model: ScoringModel) -> dict[str, Any]:
    active = model.active_version
    return {
        "model": model.key,
        "name": model.name,
        "version": active.no if active else None,
        "hash": active.spec_hash if active else None,
        "in_force_since": active.activated_at if active else None,
    }


@router.get(
    "/criteria/{model}",
    auth=KeyAuth(SCOPE),
    openapi_extra=_answers(Criteria, "The version in force", 404),
    summary="Read the version in force of a model",
)
def get_criteria(request: HttpRequest, model: str) -> dict[str, Any]:
    active = ModelVersion.objects.select_related("model").filter(model__key=model[:40], status=ModelVersion.Status.ACTIVE).first()
    if active is None:
        raise NotFound("There is no such model, or nothing of it is in force.", code="unknown_model")
    return version_document(active)
