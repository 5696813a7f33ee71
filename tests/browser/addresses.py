"""Every page of the portal that can be opened without naming an object."""

from django.urls import URLPattern, URLResolver, get_resolver

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


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> list[tuple[str, URLPattern]]:
    rows: list[tuple[str, URLPattern]] = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            rows += _walk(pattern.url_patterns, f"{prefix}{pattern.pattern}")
        else:
            rows.append((prefix, pattern))
    return rows
