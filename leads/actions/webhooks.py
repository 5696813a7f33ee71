"""Other systems that are told what happens: made, changed, tested, given new secrets, switched on and off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid
from leads.models import Lane, Outbox, User, Webhook
from leads.notify.endpoints import TEST
from leads.notify.guard import NoSuchName, RefusedAddress, Resolver, checked_addresses, parse
from leads.notify.messages import WEBHOOK, Message, enqueue
from leads.notify.registry import events as known_events
from leads.notify.signing import new_secret
from leads.sealing import seal

CHANGE = "leads.change_webhook"
OVERLAP = timedelta(hours=24)
LOOKUP_S = 5.0
SHOWN_TAIL = 4


def create_webhook(
    name: str, url: str, *, form: str, events: Sequence[str], actor: User, at: datetime | None = None, resolver: Resolver | None = None
) -> tuple[Webhook, str]:  # fmt: skip
    """A new endpoint and its secret, which is shown this once. `Invalid` names what is wrong with the address or the events."""
    demand(actor, "leads.add_webhook", to="add webhooks")
    now = at or clock.now()
    check_url(url, resolver=resolver)
    secret = new_secret()
    webhook = Webhook(
        name=name.strip(), form=form, events=_checked(events), sealed_url=seal(url), shown_url=shown(url), sealed_secret=seal(secret),
        on_since=now, created_at=now, created_by=actor,
    )  # fmt: skip
    _save(webhook)
    return webhook, secret


def change_webhook(
    webhook: Webhook, *, actor: User, name: str, events: Sequence[str], url: str = "", resolver: Resolver | None = None
) -> Webhook:
    """Its name, what it is told of, and, when one is given, its new address."""
    demand(actor, CHANGE, to="change webhooks")
    webhook.name, webhook.events = name.strip(), _checked(events)
    fields = ["name", "events"]
    if url:
        check_url(url, resolver=resolver)
        webhook.sealed_url, webhook.shown_url = seal(url), shown(url)
        fields += ["sealed_url", "shown_url"]
    _save(webhook, fields)
    return webhook


def rotate_secret(webhook: Webhook, *, actor: User, at: datetime | None = None) -> str:
    """A new secret, shown this once. For a day messages carry both signatures, so that the other side can change over."""
    demand(actor, CHANGE, to="change webhooks")
    now, secret = at or clock.now(), new_secret()
    with transaction.atomic():
        held = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
        if held.old_secret_until is not None and now < held.old_secret_until:
            raise Conflict("Two secrets are valid already. End the old one first.", code="two_secrets")
        held.sealed_old_secret, held.old_secret_until = held.sealed_secret, now + OVERLAP
        held.sealed_secret = seal(secret)
        held.save(update_fields=["sealed_secret", "sealed_old_secret", "old_secret_until"])
    return secret


def end_old_secret(webhook: Webhook, *, actor: User) -> None:
    """Messages carry the new signature alone from now on."""
    demand(actor, CHANGE, to="change webhooks")
    Webhook.objects.filter(pk=webhook.pk).update(sealed_old_secret="", old_secret_until=None)


def switch_webhook(webhook: Webhook, *, on: bool, actor: User, at: datetime | None = None) -> None:
    """Let messages go to it, or none. Switched on it starts afresh: its queue rests no longer."""
    demand(actor, CHANGE, to="change webhooks")
    now = at or clock.now()
    with transaction.atomic():
        changes = {"on_since": now, "off_reason": ""} if on else {"off_reason": f"Switched off by {actor}."}
        if not Webhook.objects.filter(pk=webhook.pk, active=not on).update(active=on, **changes):
            raise Conflict(f"It is switched {'on' if on else 'off'} already.", code="switched_already")
        if on:
            Lane.objects.filter(pk=webhook.lane).update(fails=0, paused_until=None)


def send_test(webhook: Webhook, *, actor: User, at: datetime | None = None) -> Outbox:
    """Put a test message at the end of its queue; the delivery log shows what came of it. At most one waits."""
    demand(actor, CHANGE, to="change webhooks")
    now = at or clock.now()
    with transaction.atomic():
        Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
        if Outbox.objects.filter(lane=webhook.lane, kind=TEST, next_attempt_at__isnull=False).exists():
            raise Conflict("A test is on its way already.", code="test_waits")
        payload = {"event": TEST, "actor": str(actor)}
        key = f"{TEST}:{webhook.pk}:{int(now.timestamp() * 1_000_000)}"
        enqueue([Message(key, TEST, WEBHOOK, payload, endpoint=str(webhook.pk), lane=webhook.lane)], at=now)
        Lane.objects.filter(pk=webhook.lane).update(paused_until=None)
    return Outbox.objects.get(key=key)


def check_url(url: str, *, resolver: Resolver | None = None) -> None:
    """`Invalid` when a webhook may not go there, in words for whoever typed it."""
    try:
        checked_addresses(parse(url), within_s=LOOKUP_S, resolver=resolver)
    except (RefusedAddress, NoSuchName) as error:
        raise Invalid(str(error), code="bad_address", field="url", value="", expected="a public https address") from error


def shown(url: str) -> str:
    """As much of an address as may be shown: its path is what lets anybody post there."""
    parts = urlsplit(url)
    rest = (parts.path + (f"?{parts.query}" if parts.query else "")).strip("/")
    return f"{parts.scheme}://{parts.netloc}"[:100] + (
        f"/…{rest[-SHOWN_TAIL:]}" if len(rest) > 2 * SHOWN_TAIL else "/…" if rest else "/"
    )


def _checked(chosen: Sequence[str]) -> list[str]:
    unknown = set(chosen) - known_events.keys()
    if unknown or not chosen:
        raise Invalid(
            "Choose at least one thing it is told of.", code="unknown_event", field="events", value=sorted(unknown),
            expected=", ".join(sorted(known_events)),
        )  # fmt: skip
    return sorted(set(chosen))


def _save(webhook: Webhook, fields: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            webhook.save(update_fields=fields)
    except IntegrityError as error:
        raise Invalid(
            "There is a webhook of this name already.",
            code="name_taken",
            field="name",
            value=webhook.name,
            expected="another name",
        ) from error
