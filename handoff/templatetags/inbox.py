"""The rows of the inbox, each written in one go: node by node, fifty rows cost more than everything else on the page."""

from functools import lru_cache

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from handoff.desk import Row
from leads.clockface import ClockFace
from leads.markup import fill
from leads.templatetags.accord import when
from leads.templatetags.work import score_badge, sla

register = template.Library()
MQO = mark_safe('<span class="p-badge p-warn">MQO</span> ')  # noqa: S308 - our own words


@lru_cache(maxsize=4096)
def address_of(handoff_id: int) -> str:
    """The address of a packet; its verbs are below it."""
    return reverse("admin:handoff-packet", args=[handoff_id])


def _to_answer(context: template.Context, base: str) -> SafeString:
    """Accept at once; the reasons are a menu the rows share, and a page of their own without script."""
    return fill(
        '<form method="post" action="{0}accept/" hx-post="{0}accept/" hx-target="closest li" hx-swap="outerHTML" hx-include="#inbox-pulse">'
        '<input type="hidden" name="csrfmiddlewaretoken" value="{1}"><button class="p-button p-primary" data-key="a"{2}>Accept</button></form>'
        '<a class="p-button" role="button" data-key="r" data-menu="reasons" data-action="{0}reject/" href="{0}reject/">Reject…</a>',
        base,
        context["csrf_token"],
        " autofocus" if context.get("focus") else "",
    )


def _to_work(context: template.Context, base: str, face: ClockFace) -> SafeString:
    """Log an attempt, and put on hold or go on; on a phone the packet is a tap on the name."""
    hold: SafeString | str = ""
    if face.held_until:
        hold = fill(
            '<form method="post" action="{0}resume/" hx-post="{0}resume/" hx-target="closest li" hx-swap="outerHTML" hx-include="#inbox-pulse">'
            '<input type="hidden" name="csrfmiddlewaretoken" value="{1}"><button class="p-button" data-key="h">Resume</button></form>',
            base,
            context["csrf_token"],
        )
    elif face.may_hold:
        hold = fill(
            '<a class="p-button" role="button" data-key="h" data-menu="holds" data-action="{0}pause/" href="{0}">Hold…</a>', base
        )
    return fill(
        '<a class="p-button p-primary" role="button" data-key="a" data-menu="attempts" data-action="{0}attempt/" href="{0}">Log attempt…</a>'
        "{1}",
        base,
        hold or fill('<a class="p-button p-hide-phone" href="{}">Open</a>', base),
    )


@register.simple_tag(takes_context=True)
def inbox_row(context: template.Context, row: Row) -> SafeString:
    """A hand-off: its clock, who it is, why it came, the score, and what can be done now. Names are shown as text."""
    handoff = row.handoff
    base = address_of(handoff.pk)
    return fill(
        '<li class="p-lead-row p-edge-{state}" id="handoff-{pk}" data-row tabindex="-1" aria-label="{name}">'
        '<div class="p-lead-clock">{clock}</div>'
        '<div class="p-lead-who"><a class="p-strong p-clip" data-open href="{base}" title="{name}"><bdi>{name}</bdi></a>'
        '<div class="p-sub p-clip" title="{person}"><bdi>{person_shown}</bdi></div></div>'
        '<div class="p-lead-why"><div class="p-clip" title="{why}">{mqo}{why}</div>'
        '<div class="p-sub p-clip" title="{facts}">{answered}{facts_shown}</div></div>'
        '<div class="p-lead-score">{score}</div><div class="p-lead-do">{do}</div></li>',
        state=row.face.state,
        pk=handoff.pk,
        name=row.name,
        clock=sla(row.face),
        base=base,
        person=row.person,
        person_shown=row.person or "–",
        why=row.why,
        mqo=MQO if handoff.is_mqo else "",
        facts=row.facts,
        facts_shown=row.facts or "Company not known",
        answered="" if row.is_offered else fill("{} {} · ", handoff.standing, when(handoff.answered_at)),
        score=score_badge(handoff.score, tier=row.tier),
        do=_to_answer(context, base) if row.is_offered else _to_work(context, base, row.face),
    )
