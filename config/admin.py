"""The one site of the portal: the apps' pages at the root and the stock admin below setup/."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path

import handoff.urls
import leads.urls
import scoring.urls


class AccordAdminSite(admin.AdminSite):
    site_header = "Accord"
    site_title = "Accord"

    def has_permission(self, request: HttpRequest) -> bool:
        """Any active person with a portal role may enter; each page then asks for its own permission."""
        user = request.user
        return user.is_active and user.is_authenticated and user.has_portal_role

    def get_urls(self) -> list[URLPattern | URLResolver]:
        pages: list[URLPattern] = []
        for module in (leads.urls, scoring.urls, handoff.urls):
            pages += [self._wrapped(pattern) for pattern in module.urlpatterns]
        return [*pages, path("setup/", include(super().get_urls()))]

    def _wrapped(self, pattern: URLPattern) -> URLPattern:
        view: Callable[..., HttpResponseBase] = self.admin_view(pattern.callback)
        return URLPattern(pattern.pattern, view, pattern.default_args, pattern.name)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().each_context(request)
