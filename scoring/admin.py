"""Scoring in Setup: what may be changed of a model, and everything else to be looked at."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from leads.admin.base import AccordModelAdmin, BoundedAdmin, ReadOnlyAdmin
from leads.models import Lead, User
from leads.roles import Side
from leads.wordsearch import matching
from scoring.models import Activation, Criterion, ModelVersion, Qualification, ScoringModel
from scoring.signoff import MOST_NEEDED, Role, needed


class ScoringModelForm(forms.ModelForm[ScoringModel]):
    """A model with the number of signers a side as plain numbers."""

    class Meta:
        model = ScoringModel
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for (side, role), number in needed(self.instance.signers).items():
            if (name := f"{side.value}_{role.value}") in self.fields:
                self.fields[name].initial = number

    def save(self, commit: bool = True) -> ScoringModel:
        self.instance.signers = {
            side.value: {role.value: self.cleaned_data[f"{side.value}_{role.value}"] for role in Role} for side in Side
        }
        model: ScoringModel = super().save(commit)
        return model


SIGNERS = {
    f"{side.value}_{role.value}": forms.IntegerField(
        label=f"{role.label}s of {side.label.lower()}", min_value=0, max_value=MOST_NEEDED, initial=int(role == Role.LEADER)
    )
    for side in Side
    for role in Role
}
SigningForm = type("SigningForm", (ScoringModelForm,), dict(SIGNERS))


@admin.register(ScoringModel)
class ScoringModelAdmin(AccordModelAdmin[ScoringModel]):
    setup_group = "Scoring"
    setup_intro = "One agreed definition of a qualified lead each. Criteria are edited and put into force on the Criteria page."
    empty_hint = "Begin a model on the Criteria page."
    form = SigningForm
    list_display = ("name", "in_force", "product", "segment", "market", "next_review_on", "position")
    list_select_related = ("active_version__model", "product")
    search_fields = ("name", "key")
    readonly_fields = ("key", "active_version", "next_review_on")
    autocomplete_fields = ("marketing_owner", "sales_owner")
    fieldsets = (
        ("What it judges", {"fields": ("name", "key", "product", "segment", "market", "active_version")}),
        ("Who looks after it", {"fields": ("marketing_owner", "sales_owner", "next_review_on")}),
        (
            "Who signs a version",
            {
                "fields": (("marketing_leader", "marketing_doer"), ("sales_leader", "sales_doer")),
                "description": "Heads lead their side; the others do its work. With no signer at all a draft comes into force "
                "by the word of one head.",
            },
        ),
        ("Where it stands", {"fields": ("position",)}),
    )

    def save_model(self, request: HttpRequest, obj: ScoringModel, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if set(form.changed_data) & set(SIGNERS):
            obj.save(update_fields=["signers"])

    @admin.display(description="In force", ordering="active_version__no")
    def in_force(self, model: ScoringModel) -> str:
        return model.active_version.label if model.active_version else "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ScoringModel | None = None) -> bool:
        return False


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin[ModelVersion]):
    setup_group = "Scoring"
    setup_intro = "Every version of every model. What was once put into force never changes."
    list_display = ("model", "label", "status", "reason", "activated_at", "created_by")
    list_filter = ("status", "model")
    list_select_related = ("model", "created_by")
    search_fields = ("model__name", "reason")
    fields = (
        "model",
        "no",
        "status",
        "reason",
        "read_it",
        "spec_hash",
        "rev",
        "created_at",
        "created_by",
        "activated_at",
        "copied_from",
    )
    readonly_fields = fields

    @admin.display(description="Version", ordering="no")
    def label(self, version: ModelVersion) -> str:
        return version.label

    @admin.display(description="In words")
    def read_it(self, version: ModelVersion) -> str:
        return format_html('<a href="{}">Read the criteria</a>', reverse("admin:criteria-version", args=[version.pk]))


@admin.register(Criterion)
class CriterionAdmin(ReadOnlyAdmin[Criterion]):
    setup_group = "Scoring"
    setup_intro = "The criteria of all versions, to search in. They are edited on the Criteria page."
    list_display = ("label", "version", "dimension", "points", "group")
    list_filter = ("version__status", "dimension", "version__model")
    list_select_related = ("version__model", "group")
    search_fields = ("label", "key", "why")
    readonly_fields = ("version", "key", "label", "why", "dimension", "group", "shape", "points", "condition", "event")
    fields = readonly_fields


@admin.register(Qualification)
class QualificationAdmin(BoundedAdmin[Qualification], ReadOnlyAdmin[Qualification]):
    setup_group = "Scoring"
    setup_intro = "Every time a lead met a model, with the score it had then."
    list_display = ("lead", "kind", "nth", "model", "total", "cause", "at", "release_at", "closed_as")
    list_filter = ("kind", "cause", "closed_as", "model")
    list_select_related = ("lead", "model")
    search_fields = ("lead",)  # so that there is a search box; `get_search_results` says what it finds
    search_help_text = "Name, company or e-mail of the lead"
    fields = (
        "lead",
        "model",
        "version",
        "kind",
        "nth",
        "cause",
        "at",
        "fit",
        "engagement",
        "tier",
        "release_at",
        "taken_at",
        "closed_at",
        "closed_as",
    )
    readonly_fields = fields

    @admin.display(description="Score")
    def total(self, qualification: Qualification) -> int:
        return qualification.total

    def get_queryset(self, request: HttpRequest) -> Any:
        """Of leads the reader may see."""
        rows = super().get_queryset(request)
        user = request.user
        return rows.filter(lead__in=Lead.objects.visible_to(user)) if isinstance(user, User) else rows.none()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Qualification], search_term: str
    ) -> tuple[QuerySet[Qualification], bool]:
        if search_term.strip():
            queryset = queryset.filter(lead__in=matching(Lead.objects.all(), search_term))
        return queryset, False


@admin.register(Activation)
class ActivationAdmin(ReadOnlyAdmin[Activation]):
    setup_group = "Scoring"
    setup_intro = "Who put which version into force, why, and what it did."
    list_display = ("version", "from_version", "by", "reason", "wave", "step", "entered", "at")
    list_select_related = ("version__model", "from_version__model", "by")
    fields = ("version", "from_version", "by", "reason", "wave", "step", "entered", "at")
    readonly_fields = fields

    @admin.display(description="Leads that entered")
    def entered(self, activation: Activation) -> int:
        return int(activation.counts.get("entered", 0))
