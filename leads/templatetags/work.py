"""Parts that show a lead's way: clocks, scores with their lines, stages and tiers. Loaded with `{% load accord %}`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from leads import clock
from leads.clockface import ClockFace
from leads.markup import fill
from leads.templatetags.dates import minute_words
from leads.templatetags.icons import icon

register = template.Library()

# The way of a lead that reaches the end; the other stages leave it.
TRACK = (("inquiry", "Inquiry"), ("prospect", "Prospect"), ("mql", "MQL"), ("sal", "SAL"), ("sql", "SQL"), ("won", "Won"))
ASIDE = {"rejected": "Rejected", "recycled": "Recycled", "lost": "Lost", "disqualified": "Disqualified"}
STAGE_TONES = {
    "mql": "p-info",
    "sal": "p-info",
    "sql": "p-info",
    "won": "p-good",
    "lost": "p-outline",
    "rejected": "p-warn",
    "disqualified": "p-outline",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a score as drawn: words, points, and its bar from the common zero line."""

    words: str
    points: int
    sub: str
    group: str
    x: float
    width: float


def _value(line: Any, name: str, default: Any = "") -> Any:
    return line.get(name, default) if isinstance(line, dict) else getattr(line, name, default)


@register.simple_tag
def meter(value: float, maximum: float, *, tone: str = "won", label: str = "") -> SafeString:
    """A 5 px bar of `value` out of `maximum`."""
    width = 0.0 if not maximum else max(0.0, min(100.0, 100.0 * abs(value) / maximum))
    return format_html(
        '<svg class="p-meter" viewBox="0 0 100 5" preserveAspectRatio="none" {}>'
        '<rect class="p-meter-back" width="100" height="5"/><rect class="p-fill-{}" width="{}" height="5"/></svg>',
        format_html('role="img" aria-label="{}"', label) if label else format_html('aria-hidden="{}"', "true"),
        tone,
        round(width, 2),
    )


def _clock(face: ClockFace, *, with_bar: bool) -> SafeString:
    # Written in one go, as a list draws fifty of them.
    words: str | SafeString = face.text
    if face.state == "paused" and face.resumes_at:
        words = fill(
            'Resumes <time datetime="{}">{}</time>',
            face.resumes_at.isoformat(),
            date_format(timezone.localtime(face.resumes_at), "D H:i"),
        )
    elif face.held_until:
        until = timezone.localtime(face.held_until)
        short = date_format(until, "H:i" if until.date() == timezone.localdate(clock.at_hand()) else "j M")
        words = fill(
            'Paused until <time datetime="{}" title="{}">{}</time>', face.held_until.isoformat(), minute_words(until), short
        )
    left: str | SafeString = ""
    if face.is_running:
        due = (
            fill(
                ' datetime="{}" title="Due {}"',
                face.due_at.isoformat(),
                minute_words(timezone.localtime(face.due_at)),
            )
            if face.due_at
            else ""
        )
        left = fill('<time class="p-clock-left" data-countdown{}>{}</time>', due, face.countdown)
    return fill(
        '<div class="p-clock" data-clock data-state="{state}" data-left="{seconds}" data-total="{total}" data-until="{until}">'
        '<div class="p-clock-line"><span class="p-pill p-pill-{state}" data-pill>{icon}<span data-word>{words}</span></span>{left}</div>'
        "{bar}</div>",
        state=face.state,
        seconds=face.left,
        total=face.total,
        until=face.runs_until.isoformat() if face.runs_until else "",
        icon=icon(face.icon, size=14),
        words=words,
        left=left,
        bar=sla_bar(face) if with_bar and face.total else "",
    )


@register.simple_tag
def sla(face: ClockFace) -> SafeString:
    """State, time left and bar of one clock, as rows of the inbox show it."""
    return _clock(face, with_bar=True)


@register.simple_tag
def sla_pill(face: ClockFace) -> SafeString:
    """State and time left without the bar."""
    return _clock(face, with_bar=False)


@register.simple_tag
def sla_bar(face: ClockFace) -> SafeString:
    return fill(
        '<svg class="p-meter p-clock-bar" viewBox="0 0 100 5" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="p-meter-back" width="100" height="5"/>'
        '<rect class="p-clock-fill p-clock-fill-{}" width="{}" height="5"/></svg>',
        face.state,
        face.used,
    )


@register.simple_tag
def score_badge(score: int | None, *, tier: str = "", word: str = "score") -> SafeString:
    """The score as a large number with its tier."""
    if score is None:
        return mark_safe(
            '<div class="p-score"><span class="p-score-none">–</span><span class="p-score-word">not scored</span></div>'
        )  # noqa: S308
    return fill(
        '<div class="p-score"><span class="p-score-line"><strong class="p-score-number">{}</strong>{}</span>'
        '<span class="p-score-word">{}</span></div>',
        score,
        tier_badge(tier),
        word,
    )


@register.inclusion_tag("partials/score_lines.html")
def score_lines(lines: Sequence[Any], *, limit: int = 0, total: int | None = None) -> dict[str, Any]:
    """Every line of a score with its points as a bar from one zero line; they add up to the total at the foot."""
    items = [(str(_value(line, "words")), int(_value(line, "points", 0)), line) for line in lines]
    most = max((points for _, points, _ in items if points > 0), default=0)
    least = min((points for _, points, _ in items if points < 0), default=0)
    span = (most - least) or 1
    zero = 100 * -least / span
    drawn = [
        Line(
            words=words,
            points=points,
            sub=str(_value(line, "sub") or ""),
            group=str(_value(line, "group") or ""),
            x=round(zero if points >= 0 else zero + 100 * points / span, 2),
            width=round(100 * abs(points) / span, 2),
        )
        for words, points, line in items
    ]
    shown, folded = (drawn[:limit], drawn[limit:]) if limit and len(drawn) > limit + 1 else (drawn, [])
    return {
        "shown": shown,
        "folded": folded,
        "folded_points": sum(line.points for line in folded),
        "total": sum(points for _, points, _ in items) if total is None else total,
        "zero": round(zero, 2),
    }


@register.inclusion_tag("partials/score_bar.html")
def score_bar(fit: int, engagement: int, total: int, *, threshold: int | None = None) -> dict[str, Any]:
    """Fit and engagement as one stacked bar out of 100, with the threshold as a tick."""
    scale = max(100, fit + engagement, threshold or 0)
    return {
        "fit": fit,
        "engagement": engagement,
        "total": total,
        "threshold": threshold,
        "fit_width": round(100 * max(fit, 0) / scale, 2),
        "engagement_x": round(100 * max(fit, 0) / scale, 2),
        "engagement_width": round(100 * max(engagement, 0) / scale, 2),
        "tick": round(100 * (threshold or 0) / scale, 2),
    }


@register.simple_tag
def stage_badge(stage: str) -> SafeString:
    label = {**dict(TRACK), **ASIDE}.get(stage, stage.capitalize())
    return fill('<span class="p-badge p-stage {}">{}</span>', STAGE_TONES.get(stage, ""), label)


@register.simple_tag
def tier_badge(tier: str) -> SafeString:
    """The tier as one letter or word; nothing when there is none."""
    if not tier:
        return SafeString("")
    return fill('<span class="p-tier p-tier-{}" title="Tier {}">{}</span>', tier.lower()[:1], tier, tier)


@register.inclusion_tag("partials/stage_track.html")
def stage_track(stage: str, *, passed: Collection[str] = (), nth: int = 1) -> dict[str, Any]:
    """The way from inquiry to won with the place of this lead and the stages it `passed`; a stage off the way is named at its
    end."""
    steps = [
        {
            "label": label,
            "is_done": key in passed and stage != key,
            "is_now": stage == key,
            "nth": nth if key == "mql" else 1,
        }
        for key, label in TRACK
    ]
    return {"steps": steps, "aside": ASIDE.get(stage, ""), "aside_key": stage}
