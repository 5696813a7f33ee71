"""Every address the portal answers, as the resolver knows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Page:
    route: str
    name: str
    pattern: URLPattern


def pages() -> list[Page]:
    """All URL patterns, depth first, with their whole route and qualified name."""
    return list(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: list, route: str, space: str) -> Iterator[Page]:
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, here, f"{space}{pattern.namespace}:" if pattern.namespace else space)
        else:
            yield Page(here, f"{space}{pattern.name}" if pattern.name else "", pattern)


def app_of_url_names() -> dict[str, str]:
    """Names below `admin:` with the app each page belongs to."""
    import handoff.urls
    import leads.urls
    import scoring.urls

    owners = {page.name.removeprefix("admin:"): "" for page in pages() if page.name.startswith("admin:")}
    for module in (leads.urls, scoring.urls, handoff.urls):
        for pattern in module.urlpatterns:
            owners[pattern.name] = module.__name__.split(".")[0]
    for name, owner in list(owners.items()):
        if not owner and name.split("_")[0] in {config.label for config in apps.get_app_configs()}:
            owners[name] = name.split("_")[0]
    return owners
