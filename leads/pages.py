"""How a page is answered: permission first, then the whole page or, for htmx, its fragment."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.cache import patch_vary_headers

from leads.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def page(*permissions: str) -> Callable[[View[P]], View[P]]:
    """Let in who holds any of `permissions` (all signed-in people when none is named); others get 403, never a redirect."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if permissions and not any(request.user.has_perm(name) for name in permissions):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return checked

    return decorate


def asks_for_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page: not when it goes somewhere, nor when it restores a page of the history."""
    headers = request.headers
    return "HX-Request" in headers and "HX-Boosted" not in headers and "HX-History-Restore-Request" not in headers


def render(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    title: str = "",
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page `template` in the portal's frame, or `fragment` alone, told that it `is_part`, when htmx asks for a part."""
    inner = bool(fragment) and asks_for_part(request)
    frame = {} if inner else admin.site.each_context(request)
    told = {**frame, "title": title, "is_part": inner, **(context or {})}
    response = TemplateResponse(request, fragment if inner and fragment else template, told, status=status)
    if fragment:
        patch_vary_headers(response, ["HX-Request", "HX-Boosted", "HX-History-Restore-Request"])
    return response


def reader(request: HttpRequest) -> User:
    """The person who asks; every page is behind the site's door, which lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user
