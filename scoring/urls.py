from django.urls import URLPattern, path

from scoring.kept_back import import_release
from scoring.views import conversion, draft, forms, signing, versions

DRAFT = "criteria/drafts/<int:pk>/"
VERSION = "criteria/versions/<int:pk>/"

urlpatterns: list[URLPattern] = [
    path("leads/imports/<int:pk>/hand-over/", import_release, name="import-release"),
    path("criteria/", versions.criteria, name="criteria"),
    path("criteria/begin/", versions.criteria_begin, name="criteria-begin"),
    path(VERSION, versions.criteria_version, name="criteria-version"),
    path(f"{VERSION}propose/", signing.version_propose, name="version-propose"),
    path(f"{VERSION}verdict/", signing.version_verdict, name="version-verdict"),
    path(f"{VERSION}take-back/", signing.version_take_back, name="version-take-back"),
    path(f"{VERSION}activate/", signing.criteria_activate, name="criteria-activate"),
    path(f"{VERSION}return/", signing.version_return, name="version-return"),
    path(f"{VERSION}evidence/", signing.evidence_add, name="evidence-add"),
    path("criteria/evidence/<int:pk>/remove/", signing.evidence_remove, name="evidence-remove"),
    path("criteria/models/<slug:key>/draft/", versions.criteria_draft_begin, name="criteria-draft-begin"),
    path("criteria/conversion/", conversion.conversion, name="criteria-conversion"),
    path(DRAFT, draft.criteria_draft, name="criteria-draft"),
    path(f"{DRAFT}withdraw/", draft.criteria_withdraw, name="criteria-withdraw"),
    path(f"{DRAFT}bounds/", draft.criteria_bounds, name="criteria-bounds"),
    path(f"{DRAFT}scope/", forms.scope_form, name="criteria-scope"),
    path(f"{DRAFT}decision/", forms.decision_form, name="criteria-decision"),
    path(f"{DRAFT}criteria/add/", forms.criterion_add, name="criterion-add"),
    path(f"{DRAFT}criteria/<slug:key>/", forms.criterion_edit, name="criterion-edit"),
    path(f"{DRAFT}criteria/<slug:key>/points/", draft.criterion_points, name="criterion-points"),
    path(f"{DRAFT}criteria/<slug:key>/move/", draft.criterion_move, name="criterion-move"),
    path(f"{DRAFT}criteria/<slug:key>/remove/", draft.criterion_remove, name="criterion-remove"),
    path(f"{DRAFT}criteria/<slug:key>/restore/", draft.criterion_restore, name="criterion-restore"),
    path(f"{DRAFT}groups/add/", draft.group_add, name="group-add"),
    path(f"{DRAFT}groups/<slug:key>/", draft.group_edit, name="group-edit"),
    path(f"{DRAFT}gates/add/", forms.gate_form, name="gate-add"),
    path(f"{DRAFT}gates/<slug:key>/", forms.gate_form, name="gate-edit"),
    path(f"{DRAFT}gates/<slug:key>/remove/", draft.gate_remove, name="gate-remove"),
]
