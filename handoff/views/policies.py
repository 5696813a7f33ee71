"""Which policy applies: the policies in the order in which they are asked, and a form to try what a lead would be promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from handoff.actions.ordering import move_policy, newest_of_each, switch_policy
from handoff.actions.replanning import behind_counts, preview_replan, replan_policy
from handoff.models import SlaPolicy
from handoff.policybook import PolicyBook
from handoff.policyscope import LABELS, Names, matched_words, scope_words, unmet
from handoff.scopeform import choices_of
from leads import clock
from leads.errors import Conflict, Invalid
from leads.pages import page, reader, render

VIEW = "handoff.view_slapolicy"


@dataclass(frozen=True, slots=True)
class Asked:
    """One policy in the order: what it asks, and for a lead that is tried whether it fits and why not."""

    policy: SlaPolicy
    asks: str
    is_on: bool
    behind: int = 0
    verdict: str = ""
    applies: bool = False


class TryForm(forms.Form):
    """A lead as far as policies ask about it; what is left empty is not known."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, label in LABELS.items():
            choices = [("", "not known"), *choices_of(kind)]
            self.fields[kind] = forms.ChoiceField(label=label, choices=choices, required=False)

    def facts(self) -> dict[str, Any]:
        given = self.cleaned_data
        team = [int(given["team"])] if given.get("team") else []
        return {
            "tier": given.get("tier") or None,
            "source": given.get("source"),
            "product": given.get("product") or None,
            "team": team,
        }


@page(VIEW)
@require_GET
def policies(request: HttpRequest) -> HttpResponse:
    return _drawn(request)


def _drawn(request: HttpRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    tried = "try" in request.GET
    form = TryForm(request.GET if tried else None)
    facts = form.facts() if tried and form.is_valid() else None
    now, names = clock.now(), Names()
    chosen = PolicyBook(now).choose(facts) if facts is not None else None
    rows, behind = [], behind_counts(now)
    for policy in newest_of_each():
        is_on = policy.retired_at is None or policy.retired_at > now
        verdict, applies = "", False
        if facts is not None:
            lacking = unmet(policy.scope, facts)
            applies = chosen is not None and chosen.policy is not None and chosen.policy.key == policy.key
            if applies:
                verdict = f"applies because {matched_words(policy.scope, facts, names)}"
            elif not is_on:
                verdict = "switched off"
            elif lacking:
                verdict = f"does not fit: {' and '.join(lacking)}"
            else:
                verdict = "would fit, but one before it does"
        rows.append(Asked(policy, scope_words(policy.scope, names), is_on, behind.get(policy.key, 0), verdict, applies))
    context = {
        "rows": rows, "keys": ",".join(row.policy.key for row in rows if not row.policy.is_fallback), "form": form, "tried": facts is not None,
        "chosen": chosen, "problem": problem, "moved": request.GET.get("moved", ""), "may_change": reader(request).has_perm("handoff.change_slapolicy"),
    }  # fmt: skip
    return render(request, "handoff/policies.html", context, title="Which policy applies", status=status)


@page("handoff.change_slapolicy")
@require_POST
def policy_move(request: HttpRequest) -> HttpResponse:
    """One place up or down; the button that was pressed keeps the focus."""
    key, way = request.POST.get("key", ""), request.POST.get("way", "")
    try:
        move_policy(
            key, actor=reader(request), up=way == "up", seen=[one for one in request.POST.get("order", "").split(",") if one]
        )
    except Conflict as other:
        return _drawn(request, problem=other.message, status=409)
    return HttpResponseRedirect(f"{reverse('admin:policy-order')}?moved={key}-{'up' if way == 'up' else 'down'}")


@page("handoff.change_slapolicy")
@require_http_methods(["GET", "POST"])
def policy_replan(request: HttpRequest, key: str) -> HttpResponse:
    """What re-planning would do; asked for, it is done, and what is left is shown."""
    done = replan_policy(key, actor=reader(request)) if request.method == "POST" else None
    told = preview_replan(key, now=clock.now())
    context = {"told": told, "done": done}
    return render(request, "handoff/policy_replan.html", context, title=f"Re-plan {told.policy}")


@page("handoff.change_slapolicy")
@require_POST
def policy_switch(request: HttpRequest) -> HttpResponse:
    on = request.POST.get("on") == "1"
    try:
        switch_policy(request.POST.get("key", ""), actor=reader(request), on=on)
    except Invalid as wrong:
        return _drawn(request, problem=wrong.message, status=422)
    words = "It is asked again." if on else "It is asked no more. Hand-offs that follow it keep it."
    messages.success(request, words)
    return HttpResponseRedirect(reverse("admin:policy-order"))
