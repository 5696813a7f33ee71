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


def render(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    title: str = "",
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page `template` in the portal's frame, or `fragment` alone when htmx asks for a part."""
    inner = bool(fragment) and bool(request.headers.get("HX-Request")) and not request.headers.get("HX-Boosted")
    frame = {} if inner else admin.site.each_context(request)
    response = TemplateResponse(
        request, fragment if inner and fragment else template, {**frame, "title": title, **(context or {})}, status=status
    )
    if fragment:
        patch_vary_headers(response, ["HX-Request"])
    return response


def reader(request: HttpRequest) -> User:
    """The person who asks; every page is behind the site's door, which lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user
