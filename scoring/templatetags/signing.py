"""The sign-off card, wherever a version is shown. Loaded with `{% load signing %}`."""

from typing import Any

from django import template

from leads.models import Reason, User
from scoring.models import ModelVersion
from scoring.signing_card import names, signing_card, signing_stamp

register = template.Library()
register.filter("signers", names)


@register.inclusion_tag("scoring/_signoff.html", takes_context=True)
def signoff(context: template.Context, version: ModelVersion) -> dict[str, Any]:
    """The card of `version`; on a draft's page the problems that keep it from being proposed come from `described`."""
    user = context["request"].user
    assert isinstance(user, User)
    described = context.get("described")
    is_draft = version.status == ModelVersion.Status.DRAFT
    return {
        "card": signing_card(version, user),
        "version": version,
        "stamp": signing_stamp(version) if version.status == ModelVersion.Status.PROPOSED else "",
        "oob": context.get("oob", False),
        "problems": described.problems if described is not None and is_draft else [],
        "reasons": Reason.objects.filter(for_reject=True, active=True) if is_draft else [],
        "error": context.get("card_error", ""),
        "evidence_error": context.get("evidence_error", ""),
        "evidence_wrong": context.get("evidence_wrong", ""),
        "typed": context.get("card_typed") or {},
        "csrf_token": context.get("csrf_token"),
        "request": context["request"],
    }
