"""The one site of the portal: the apps' pages at the root and the model pages of Setup below setup/."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm
from django.contrib.auth.views import (
    PasswordResetCompleteView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
)
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path, reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.views.decorators.debug import sensitive_post_parameters

import handoff.urls
import leads.urls
import scoring.urls
from config import health, health_page, views
from leads import door
from leads.models import User
from leads.slots import NavItem, slots

# Setup as people look for things in it; models that name no group of theirs stand last.
SETUP_GROUPS = ("People and teams", "Facts", "Scoring", "Hand-off", "System")
AT_THE_DOOR = ("login", "logout", "password_change", "password_change_done", "jsi18n")


class SignInForm(AuthenticationForm):
    """Lets in active people with a portal role; whether somebody is "staff" plays no part."""

    error_messages = {
        "invalid_login": "This e-mail address and password do not fit together. Both mind capital letters in the password only.",
        "inactive": "This account is switched off. Ask your administrator.",
    }

    def clean(self) -> dict[str, Any]:
        """Looks at the password only while the account and the address may still try; a try that succeeds is not counted."""
        address, account = door.address_of(self.request) if self.request else "", self.cleaned_data.get("username") or ""
        if not door.may_try(door.SIGN_IN, address, account):
            raise ValidationError(door.TOO_MANY, code="too_many")
        cleaned = super().clean()
        door.give_back(door.SIGN_IN, address, account)
        return cleaned

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if not user.has_portal_role:
            raise ValidationError("This account has no role in the portal yet. Ask your administrator.", code="no_role")


class ResetForm(PasswordResetForm):
    """Asks for the mail that lets people back in; `address` is where the request comes from."""

    def __init__(self, *args: Any, address: str = "", **more: Any) -> None:
        super().__init__(*args, **more)
        self.address = address

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "email" in cleaned and not door.may_try(door.RESET, self.address, cleaned["email"]):
            raise ValidationError(door.TOO_MANY, code="too_many")
        return cleaned


class ResetView(PasswordResetView):
    form_class = ResetForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "address": door.address_of(self.request)}

    def form_invalid(self, form: PasswordResetForm) -> HttpResponse:
        return _with_status(super().form_invalid(form), form)


class AccordAdminSite(admin.AdminSite):
    site_header = "Accord"
    site_title = "Accord"
    index_title = "Setup"
    site_url = None
    enable_nav_sidebar = True
    login_form = SignInForm
    login_template = "registration/login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Any active person with a portal role may enter; each page then asks for its own permission."""
        user = request.user
        return isinstance(user, User) and user.is_active and user.has_portal_role

    def get_urls(self) -> list[URLPattern | URLResolver]:
        pages: list[URLPattern | URLResolver] = [
            path("", self.admin_view(views.home), name="home"),
            path("preferences/", self.admin_view(views.preferences), name="preferences"),
            path("theme/", views.theme_choose, name="theme-choose"),
            path("health/", self.admin_view(health_page.health), name="health"),
            *self._password_reset_urls(),
            *handoff.urls.open_urlpatterns,
        ]
        for module in (leads.urls, scoring.urls, handoff.urls):
            pages += [self._wrapped(pattern) for pattern in module.urlpatterns]
        stock = super().get_urls()
        door = [pattern for pattern in stock if getattr(pattern, "name", None) in AT_THE_DOOR]
        return [*pages, *door, path("setup/", include([pattern for pattern in stock if pattern not in door]))]

    def _wrapped(self, pattern: URLPattern) -> URLPattern:
        view: Callable[..., HttpResponseBase] = self.admin_view(pattern.callback)
        return URLPattern(pattern.pattern, view, pattern.default_args, pattern.name)

    def _password_reset_urls(self) -> list[URLPattern]:
        """The way back in by mail; open to people who are not signed in."""
        extra = {"site_header": self.site_header, "site_title": self.site_title}
        return [
            path(
                "password_reset/",
                ResetView.as_view(success_url=reverse_lazy("admin:password_reset_done"), extra_context=extra),
                name="password_reset",
            ),
            path("password_reset/sent/", PasswordResetDoneView.as_view(extra_context=extra), name="password_reset_done"),
            path(
                "password_reset/<uidb64>/<token>/",
                PasswordResetConfirmView.as_view(success_url=reverse_lazy("admin:password_reset_complete"), extra_context=extra),
                name="password_reset_confirm",
            ),
            path("password_reset/done/", PasswordResetCompleteView.as_view(extra_context=extra), name="password_reset_complete"),
        ]

    @method_decorator(sensitive_post_parameters())
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The sign-in page; who comes without a destination, or is signed in already, lands on the home page."""
        if request.method == "GET" and self.has_permission(request):
            return redirect("admin:home")
        context = {"next": request.GET.get("next") or reverse("admin:home"), **(extra_context or {})}
        response = super().login(request, context)
        form = (getattr(response, "context_data", None) or {}).get("form")
        return _with_status(response, form) if form is not None else response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """What Setup holds; whoever may change nothing there has no such page."""
        if not self.has_setup(request):
            raise PermissionDenied
        return super().index(request, extra_context)

    # What every page needs

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        user = request.user
        if not context["has_permission"] or not isinstance(user, User):
            return {**context, "in_setup": False, "theme_choices": User.Theme.choices}
        in_setup = request.path.startswith(reverse("admin:index"))
        nav = navigation(request.path, user)
        return {
            **context,
            "in_setup": in_setup,
            "has_setup": self.has_setup(request),
            "worker_silence": health.banner.now(),
            "may_see_health": user.has_perm(health.SEE),
            "is_setup_index": request.path == reverse("admin:index"),
            "nav_items": nav,
            "tab_items": sorted(nav, key=lambda item: not item["tab"])[:4],
            "bell": _link(slots.bell, user) if slots.bell else None,
            "account_items": [
                _link(item, user) for item in slots.account if any(user.has_perm(name) for name in item.permissions)
            ],
            "theme_choices": User.Theme.choices,
            "role_words": ", ".join(role.label for role in user.roles) or "Administrator",
            "search_url": next((item["url"] for item in nav if item["key"] == "leads"), ""),
        }

    def has_setup(self, request: HttpRequest) -> bool:
        """Whether this person may see any model of Setup."""
        return any(any(one.get_model_perms(request).values()) for one in self._registry.values())

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Setup's models by what they are for, in words, instead of by Django app; worked out when a page shows them, as few do."""
        if app_label:
            return super().get_app_list(request, app_label)
        return SimpleLazyObject(partial(self._setup_groups, request))

    def _setup_groups(self, request: HttpRequest) -> list[dict[str, Any]]:
        apps = super().get_app_list(request)
        groups: dict[str, list[Any]] = {name: [] for name in SETUP_GROUPS}
        for app in apps:
            for entry in app["models"]:
                model_admin = self._registry[entry["model"]]
                name = getattr(model_admin, "setup_group", SETUP_GROUPS[-1])
                url = entry["admin_url"]
                about = getattr(model_admin, "setup_intro", "")
                groups[name].append({**entry, "about": about, "is_current": bool(url) and request.path.startswith(url)})
        return [
            {"name": name, "app_label": "", "app_url": "", "has_module_perms": True, "models": models}
            for name, models in groups.items()
            if models
        ]


def navigation(path: str, user: User) -> list[dict[str, Any]]:
    """The links this person may follow, in order; the longest address that begins `path` is the current one."""
    shown = []
    for item in sorted(slots.nav, key=lambda item: item.order):
        if item.permissions and not any(user.has_perm(name) for name in item.permissions):
            continue
        shown.append(_link(item, user))
    if views.lands_on_home(user):
        shown.insert(0, {**_link(HOME, user)})
    fitting = [link for link in shown if path == link["url"] or (link["url"] != "/" and path.startswith(link["url"]))]
    current = max(fitting, key=lambda link: len(link["url"]), default=None)
    return [{**link, "is_current": link is current} for link in shown]


def _with_status(response: HttpResponse, form: BaseForm) -> HttpResponse:
    """429 for a form that was refused because of too many tries."""
    if form.is_bound and form.has_error(NON_FIELD_ERRORS, "too_many"):
        response.status_code = 429
    return response


HOME = NavItem(key="home", label="Home", icon="home", url_name="admin:home", order=0, shortcut="h", tab=True)


def _link(item: NavItem, user: User) -> dict[str, Any]:
    return {
        "key": item.key,
        "label": item.label,
        "icon": item.icon,
        "url": reverse(item.url_name),
        "shortcut": item.shortcut,
        "tab": item.tab,
        "badge": item.badge(user) if item.badge else None,
    }
