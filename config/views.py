"""Pages that belong to no app alone: home, a person's own preferences, the theme."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from leads.models import User
from leads.pages import page, render
from leads.slots import slots

YEAR = 365 * 86_400


def lands_on_home(user: User) -> bool:
    """Whether home is a page of this person: who is only a rep works from the inbox."""
    return user.is_superuser or {role.key for role in user.roles} != {"rep"} or _inbox_url() is None


def _inbox_url() -> str | None:
    return next((reverse(item.url_name) for item in slots.nav if item.key == "inbox"), None)


@page()
def home(request: HttpRequest) -> HttpResponse:
    """What waits for this person and how things stand, one card for each part that has something to say."""
    user = signed_in(request)
    inbox = _inbox_url()
    if inbox and not lands_on_home(user):
        return redirect(inbox)
    cards: list[dict[str, Any]] = []
    for _, template, context_of in sorted(slots.home_cards, key=lambda card: card[0]):
        card = context_of(request)
        if card is not None:
            cards.append({**card, "template": template})
    return render(request, "home.html", {"cards": cards}, title="Home")


class PreferencesForm(forms.ModelForm[User]):
    time_zone = forms.ChoiceField(help_text="Every time you see is told in this zone.")

    class Meta:
        model = User
        fields = (
            "full_name",
            "time_zone",
            "theme",
            "single_key_shortcuts",
            "mail_handoffs",
            "mail_reminders",
            "mail_urgent_any_time",
        )
        help_texts = {"single_key_shortcuts": "Keys such as j, k, a and r work on lists. Off if they get in your way."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].choices = [(name, name.replace("_", " ")) for name in sorted(available_timezones())]  # type: ignore[attr-defined]
        self.fields["full_name"].label = "Your name"


@page()
def preferences(request: HttpRequest) -> HttpResponse:
    """A person's own settings; nobody else's."""
    user = signed_in(request)
    form = PreferencesForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        form.instance.save(update_fields=form.changed_data) if form.changed_data else None
        messages.success(request, "Your preferences are saved.")
        response = redirect("admin:preferences")
        keep_theme(response, form.instance.theme)
        return response
    status = 422 if form.errors else 200
    return render(request, "preferences.html", {"form": form}, title="Preferences", status=status)


@require_POST
def theme_choose(request: HttpRequest) -> HttpResponse:
    """Keep the theme in the account and, for the sign-in page, in a cookie; then back where the person was."""
    chosen = request.POST.get("theme", "")
    if chosen not in User.Theme.values:
        return HttpResponse("No such theme.", status=422, content_type="text/plain")
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(theme=chosen)
    back = request.POST.get("next", "")
    response: HttpResponse
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)
    elif url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        response = HttpResponseRedirect(back)
    else:
        response = redirect("admin:home")
    keep_theme(response, chosen)
    return response


def keep_theme(response: HttpResponse, chosen: str) -> None:
    response.set_cookie("theme", chosen, max_age=YEAR, samesite="Lax", httponly=True)


def signed_in(request: HttpRequest) -> User:
    """The person of the request; only for pages that require one."""
    if not isinstance(request.user, User):
        raise TypeError("this page is for people who are signed in")
    return request.user
