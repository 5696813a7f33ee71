"""The words and small parts that every page shares: icons, numbers, times, badges, people, empty states, links."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.conf import settings
from django.core.paginator import Page
from django.http import HttpRequest
from django.template.defaultfilters import floatformat
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from leads import clock
from leads.clockface import spoken
from leads.markup import fill
from leads.templatetags import charts, icons, work
from leads.templatetags.dates import day_words, minute_words
from leads.templatetags.icons import icon

register = template.Library()
register.tags.update(charts.register.tags)
register.tags.update(icons.register.tags)
register.tags.update(work.register.tags)
register.filters.update(work.register.filters)

THEMES = frozenset(("auto", "light", "dark"))


# Numbers


@register.filter
def figure(value: Any) -> str:
    """A whole number with thousands apart; a dash for None."""
    return "–" if value is None else f"{int(value):,}"


@register.filter
def capped(value: int | None, limit: int = 10_000) -> str:
    """A count that is only counted up to `limit`: "10,000+" above."""
    if value is None:
        return "–"
    return f"{limit:,}+" if value > limit else f"{value:,}"


@register.filter
def percent(value: float | Decimal | None, places: int = 0) -> str:
    """A share as percent: 0.912 is "91 %"."""
    return "–" if value is None else f"{floatformat(value * 100, places)}\u202f%"


@register.filter
def money(value: Any, currency: str = "EUR") -> str:
    return "–" if value is None else f"{currency}\u00a0{value:,.0f}"


@register.filter
def signed(value: int | None) -> str:
    """Points with their sign: +18, −9 (a real minus), 0."""
    if value is None:
        return "–"
    return f"+{value}" if value > 0 else f"\u2212{-value}" if value < 0 else "0"


@register.filter
def duration(seconds: float | None) -> str:
    return "–" if seconds is None else spoken(int(abs(seconds)))


# Times, always in the zone of the person who reads


def _text_of(value: datetime | date, *, with_time: bool) -> str:
    local = timezone.localtime(value) if isinstance(value, datetime) else value
    with_year = local.year != timezone.localtime(clock.at_hand()).year
    if with_time and isinstance(local, datetime):
        return minute_words(local, with_year=with_year)
    return day_words(local.date() if isinstance(local, datetime) else local, with_year=with_year)


def _ago(value: datetime) -> str:
    seconds = (clock.at_hand() - value).total_seconds()
    length = abs(seconds)
    if length < 60:
        return "just now" if seconds >= 0 else "in a moment"
    for size, unit in ((86_400 * 365, "y"), (86_400 * 30, "mo"), (86_400, "d"), (3600, "h"), (60, "min")):
        if length >= size:
            text = f"{int(length // size)} {unit}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now"


@register.simple_tag
def when(value: datetime | None) -> SafeString | str:
    """How long ago or how soon; the exact time as tip; the page's script keeps it true."""
    if value is None:
        return "–"
    exact = f"{_text_of(value, with_time=True)} {timezone.localtime(value).tzname()}"
    return fill('<time datetime="{}" data-when title="{}">{}</time>', value.isoformat(), exact, _ago(value))


@register.simple_tag
def moment(value: datetime | None) -> SafeString | str:
    if value is None:
        return "–"
    return fill(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        timezone.localtime(value).tzname() or "",
        _text_of(value, with_time=True),
    )


@register.simple_tag
def day(value: datetime | date | None) -> SafeString | str:
    if value is None:
        return "–"
    return fill('<time datetime="{}">{}</time>', value.isoformat(), _text_of(value, with_time=False))


# People


def initials(name: str) -> str:
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"


@register.simple_tag
def avatar(user: Any, *, size: str = "") -> SafeString:
    """A round mark with the person's initials, in a colour that stays theirs."""
    name = str(user)
    tone = hashlib.sha256(name.encode()).digest()[0] % 6
    extra = f" p-avatar-{size}" if size else ""
    return fill('<span class="p-avatar p-avatar-{}{}" title="{}" aria-hidden="true">{}</span>', tone, extra, name, initials(name))


@register.simple_tag
def person(user: Any, *, nobody: str = "nobody") -> SafeString:
    if user is None:
        return fill('<span class="p-muted">{}</span>', nobody)
    return fill('<span class="p-person">{}<bdi class="p-clip">{}</bdi></span>', avatar(user, size="small"), str(user))


# Frame


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """The theme of the person who is signed in, else what this browser chose last: auto, light or dark."""
    request: HttpRequest | None = context.get("request")
    if request is None:
        return "auto"
    user = getattr(request, "user", None)
    chosen = getattr(user, "theme", "") or request.COOKIES.get("theme", "auto")
    return chosen if chosen in THEMES else "auto"


@register.simple_tag
def csrf_cookie() -> str:
    """The name of the cookie from which scripts read the token they post with."""
    return settings.CSRF_COOKIE_NAME


@register.inclusion_tag("partials/back_link.html")
def back_link(url: str, label: str) -> dict[str, str]:
    return {"url": url, "label": label}


@register.inclusion_tag("partials/empty.html")
def empty(fact: str, *, icon: str = "", url: str = "", action: str = "", hint: str = "") -> dict[str, str]:
    """One fact and one action where a list has nothing to show."""
    return {"fact": fact, "icon": icon, "url": url, "action": action, "hint": hint}


@register.inclusion_tag("partials/job_progress.html")
def job_progress(done: int, total: int | None, *, words: str = "rows") -> dict[str, Any]:
    return {"done": done, "total": total, "words": words}


@register.inclusion_tag("partials/wizard_steps.html")
def wizard_steps(names: str, current: int) -> dict[str, Any]:
    """The steps of a wizard by name, comma between; `current` counts from 1."""
    return {"steps": list(enumerate((name.strip() for name in names.split(",")), start=1)), "current": current}


# Lists


@register.simple_tag(takes_context=True)
def sort_link(context: template.Context, label: str, field: str, *, target: str = "") -> SafeString:
    """A column head that sorts by `field`: once up, again down, keeping the other parameters."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    now = query.get("sort", "")
    query.pop("page", None)
    query["sort"] = f"-{field}" if now == field else field
    direction = {field: "up", f"-{field}": "down"}.get(now, "")
    mark = icon(direction, size=12) if direction else ""
    spoken_state = {"up": ", sorted upwards", "down": ", sorted downwards"}.get(direction, "")
    htmx = (
        format_html(' hx-get="?{}" hx-target="{}" hx-swap="outerHTML" hx-push-url="true"', query.urlencode(), target)
        if target
        else ""
    )
    return format_html(
        '<a class="p-sort{}" href="?{}"{}>{}<span class="p-sr">{}</span>{}</a>',
        " is-on" if direction else "",
        query.urlencode(),
        htmx,
        label,
        spoken_state,
        mark,
    )


@register.inclusion_tag("partials/pages.html", takes_context=True)
def pages(context: template.Context, page: Page[Any], *, target: str = "") -> dict[str, Any]:
    """Links to the pages near this one, keeping the other parameters of the address."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    query.pop("page", None)
    kept = query.urlencode()
    return {
        "page": page,
        "numbers": [
            number if isinstance(number, int) else None
            for number in page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
        ],
        "prefix": f"?{kept}&page=" if kept else "?page=",
        "target": target,
    }


@register.simple_tag
def count_line(page: Page[Any], one: str, many: str, *, total: int | None = None) -> str:
    """ "51 to 100 of 1,284 leads"."""
    count = page.paginator.count if total is None else total
    if not count:
        return f"No {many}"
    if count == 1:
        return f"1 {one}"
    if page.has_other_pages():
        return f"{page.start_index():,} to {page.end_index():,} of {capped(count)} {many}"
    return f"{capped(count)} {many}"


@register.inclusion_tag("partials/filter_bar.html", takes_context=True)
def filter_bar(context: template.Context, filterset: Any, *, target: str = "") -> dict[str, Any]:
    """The whole filter form of a list: search first, the rest compact, chips of what is set."""
    request: HttpRequest = context["request"]
    form = filterset.form
    form.is_valid()
    late = set(getattr(filterset, "more", ()))
    fields = [bound for bound in form if not bound.is_hidden]
    search = next((bound for bound in fields if bound.name == "q"), None)
    rest = [bound for bound in fields if bound is not search]
    active = [bound for bound in fields if bound is not search and _is_set(request, bound)]
    return {
        "search": search,
        "first": [bound for bound in rest if bound.name not in late],
        "more": [bound for bound in rest if bound.name in late],
        "more_open": any(bound.name in late for bound in active),
        "hidden": [bound for bound in form if bound.is_hidden],
        "sort": request.GET.get("sort", ""),
        "chips": [_chip(request, bound) for bound in active],
        "is_on": bool(active) or bool(search and request.GET.get("q")),
        "path": request.path,
        "target": target,
        "request": request,
    }


@register.inclusion_tag("partials/filter_chips.html", takes_context=True)
def filter_chips(context: template.Context, filterset: Any) -> dict[str, Any]:
    """The chips of a filter bar alone, for a fragment that htmx swaps: they replace those of the page."""
    return {**filter_bar(context, filterset), "is_swapped_in": True}


def _names(bound: Any) -> list[str]:
    subwidgets = getattr(bound.field.widget, "widgets_names", None)
    if subwidgets:
        suffixes = getattr(bound.field.widget, "suffixes", None)
        names = [f"_{suffix}" if suffix else "" for suffix in suffixes] if suffixes else subwidgets
        return [f"{bound.html_name}{name}" for name in names]
    return [bound.html_name]


def _is_set(request: HttpRequest, bound: Any) -> bool:
    return any(value for name in _names(bound) for value in request.GET.getlist(name))


def _chip(request: HttpRequest, bound: Any) -> dict[str, str]:
    query = request.GET.copy()
    query.pop("page", None)
    texts: list[str] = []
    choices = {str(value): str(label) for value, label in _flat(getattr(bound.field, "choices", ()))}
    names = _names(bound)
    for name in names:
        texts += [choices.get(value, value) for value in query.getlist(name) if value]
    text = ", ".join(texts)
    if len(names) == 2:
        text = " – ".join(texts) if len(texts) == 2 else f"{'from' if query.get(names[0]) else 'up to'} {text}"
    for name in names:
        query.pop(name, None)
    return {"label": str(bound.label), "text": text, "url": f"?{query.urlencode()}"}


def _flat(choices: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
    for value, label in choices:
        if isinstance(label, list | tuple):
            yield from label
        else:
            yield value, label


@register.filter
def get(mapping: Mapping[Any, Any], key: Any) -> Any:
    """`mapping[key]`, None when it is not there."""
    return mapping.get(key)
