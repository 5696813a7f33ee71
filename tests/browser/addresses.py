"""Every page of the portal: those that can be opened without naming an object, and one of each kind that cannot."""

from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from handoff.models import Handoff
from leads.models import ImportRun, User
from leads.roles import BY_KEY
from scoring.models import ModelVersion

# Answers that are no pages: files, parts for scripts, redirects, and what only takes posts.
NO_PAGES = frozenset(("jsi18n", "autocomplete", "logout", "lead-export", "theme-choose", "view_on_site", "password_change_done"))


def pages_without_object() -> list[str]:
    """Their addresses in order of the URL configuration: routes without parameters that are named in the portal's site."""
    found: list[str] = []
    for prefix, pattern in _walk(get_resolver().url_patterns, ""):
        route = f"{prefix}{pattern.pattern}"
        plain = "<" not in route and "(" not in route and "^" not in route
        if plain and pattern.name and pattern.name not in NO_PAGES and not route.startswith("api/"):
            found.append("/" + route.removesuffix("$"))
    return list(dict.fromkeys(found))


def first_with(role: str) -> User | None:
    """The first active person with the role."""
    return User.objects.filter(groups__name=BY_KEY[role].label, is_active=True).order_by("pk").first()


def pages_of_objects() -> dict[str, str]:
    """The pages of the first object of each kind by a name of their own; a kind nothing is there of is left out."""
    found: dict[str, str] = {}
    own = Handoff.objects.filter(owner=first_with("rep")).order_by("-pk")
    offered, worked, answered = (own.filter(state=state).first() for state in ("offered", "contacted", "rejected"))
    for name, handoff in (("packet-offered", offered), ("packet-contacted", worked), ("packet-rejected", answered)):
        if handoff:
            found[name] = reverse("admin:handoff-packet", args=[handoff.pk])
    if offered:
        found["lead-page"] = reverse("admin:lead-detail", args=[offered.lead_id])
        found["lead-edit"] = reverse("admin:lead-edit", args=[offered.lead_id])
    if run := ImportRun.objects.order_by("-pk").first():
        found["import-page"] = reverse("admin:import-detail", args=[run.pk])
    for version in ModelVersion.objects.order_by("-pk")[:1]:
        found["criteria-version"] = reverse("admin:criteria-version", args=[version.pk])
    for draft in ModelVersion.objects.filter(activated_at=None)[:1]:
        found["criteria-draft"] = reverse("admin:criteria-draft", args=[draft.pk])
        found["criteria-effect"] = reverse("admin:criteria-effect", args=[draft.pk])
    for model in ("user", "team", "company", "campaign", "reason", "leadfield"):
        first = apps.get_model("leads", model).objects.order_by("pk").first()
        if first:
            found[f"setup-{model}-change"] = reverse(f"admin:leads_{model}_change", args=[first.pk])
    return found


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> list[tuple[str, URLPattern]]:
    rows: list[tuple[str, URLPattern]] = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            rows += _walk(pattern.url_patterns, f"{prefix}{pattern.pattern}")
        else:
            rows.append((prefix, pattern))
    return rows
