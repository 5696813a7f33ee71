"""What notices about a hand-off say, one or many at once, and whether what waited still makes sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from handoff.mail_links import link_of
from handoff.models import Handoff, RejectionReview, SlaTimer
from handoff.notices import (
    ANSWERED,
    DISPUTED,
    INTEREST,
    MOVED,
    NUDGED,
    OFFERED,
    PROMISES,
    REGRADED,
    RESUMED,
    STEP,
    WITHDRAWN,
    WORK,
)
from handoff.states import DONE, OPEN, TERMINAL, ClockKind, HandoffState
from leads.models import Outbox
from leads.notify.registry import Kind, Rendered, register


def _when(text: str | None, zone: ZoneInfo) -> str:
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone(zone)
    return f"{at:%a %-d %b, %H:%M} {at.tzname()}"


def _zone(row: Outbox) -> ZoneInfo:
    return row.recipient.zone if row.recipient else ZoneInfo("UTC")


def _name(payload: dict[str, Any]) -> str:
    return f"{payload['lead']}, {payload['company']}" if payload.get("company") else str(payload["lead"])


def _link(payload: dict[str, Any]) -> str:
    return f"/handoffs/{payload['handoff']}/"


def _digest(rows: Sequence[Outbox], subject: str, title: str, each: Sequence[str], url: str) -> Rendered:
    lines = tuple((words, _link(row.payload)) for words, row in zip(each, rows, strict=True))
    return Rendered(
        subject=subject,
        title=title,
        text=title + ".",
        url=url,
        lines=lines,
        action="Open your inbox" if url == "/inbox/" else "Open",
    )


def _offered(rows: Sequence[Outbox]) -> Rendered:
    zone = _zone(rows[0])
    each = [
        f"{_name(row.payload)}: {row.payload['why'] or 'met the agreed criteria'} ({row.payload['score']} points)"
        + (f", answer by {_when(row.payload['due'], zone)}" if row.payload.get("due") else "")
        for row in rows
    ]
    links = [link_of(row) for row in rows]
    if len(rows) > 1:
        title = f"{len(rows)} leads are offered to you"
        return replace(_digest(rows, title, title, each, "/inbox/"), answers=tuple(("", link) for link in links))
    payload = rows[0].payload
    answers = (("Accept", links[0]), ("Reject", f"{links[0]}?answer=reject")) if links[0] else ()
    return Rendered(
        "A lead is offered to you", f"{_name(payload)} is offered to you", each[0], _link(payload), action="Open the packet",
        answers=answers,
    )  # fmt: skip


def _step(rows: Sequence[Outbox]) -> Rendered:
    zone = _zone(rows[0])
    each = [_step_words(row.payload, row.recipient_id, zone) for row in rows]
    overdue = sum(row.payload["action"] != "remind" for row in rows)
    if len(rows) > 1:
        title = (
            f"{len(rows)} hand-offs need attention, {overdue} past their time"
            if overdue
            else f"{len(rows)} hand-offs are due soon"
        )
        return _digest(rows, title, title, each, "/inbox/")
    payload = rows[0].payload
    subject = "A hand-off is past its time" if overdue else "A hand-off is due soon"
    return Rendered(subject, f"{_name(payload)}: {'past its time' if overdue else 'due soon'}", each[0], _link(payload))


def _step_words(payload: dict[str, Any], recipient_id: int | None, zone: ZoneInfo) -> str:
    promise, promised = PROMISES.get(payload["clock"], payload["clock"]), _when(payload["promised"], zone)
    whose = f" It is with {payload['owner']}." if payload.get("owner") else ""
    if payload["action"] == "remind":
        return f"{_name(payload)}: please {promise} by {promised}.{whose}"
    return f"{_name(payload)}: the time to {promise} ended {promised}.{whose}"


def _answered(rows: Sequence[Outbox]) -> Rendered:
    each = [f"{row.payload['actor']} rejected {_name(row.payload)}: {row.payload['reason']}" for row in rows]
    if len(rows) > 1:
        return _digest(rows, f"{len(rows)} leads were rejected", f"{len(rows)} leads were rejected", each, "/rejections/")
    payload = rows[0].payload
    note = f" “{payload['note']}”" if payload.get("note") else ""
    return Rendered("A lead was rejected", f"{_name(payload)} was rejected", each[0] + note, _link(payload), action="Review it")


def _moved(rows: Sequence[Outbox]) -> Rendered:
    each = [
        f"{row.payload['actor']} {DONE.get(row.payload['verb'], 'moved')} {_name(row.payload)}" + _to(row.payload) for row in rows
    ]
    if len(rows) > 1:
        return _digest(rows, f"{len(rows)} leads left your inbox", f"{len(rows)} leads left your inbox", each, "/inbox/")
    return Rendered("A lead left your inbox", f"{_name(rows[0].payload)} left your inbox", each[0] + ".", "/inbox/")


def _to(payload: dict[str, Any]) -> str:
    words = f" to {payload['to']}" if payload.get("to") else ""
    return words + (f": {payload['reason']}" if payload.get("reason") else "")


def _nudged(rows: Sequence[Outbox]) -> Rendered:
    zone = _zone(rows[0])
    each = [
        f"{row.payload['actor']} asks you to {PROMISES[row.payload['clock']]}: {_name(row.payload)}"
        + (f", due {_when(row.payload['due'], zone)}" if row.payload.get("due") else "")
        for row in rows
    ]
    if len(rows) > 1:
        title = f"You are asked about {len(rows)} of your leads"
        return _digest(rows, title, title, each, "/inbox/")
    payload = rows[0].payload
    return Rendered(
        "You are asked about one of your leads", f"{payload['actor']} asks about {_name(payload)}", each[0] + ".", _link(payload)
    )


def _resumed(rows: Sequence[Outbox]) -> Rendered:
    zone = _zone(rows[0])
    each = [
        f"{_name(row.payload)} is on hold no longer: please {PROMISES[row.payload['clock']]} by {_when(row.payload['promised'], zone)}."
        for row in rows
    ]
    if len(rows) > 1:
        title = f"{len(rows)} of your leads are on hold no longer"
        return _digest(rows, title, title, each, "/inbox/")
    title = "One of your leads is on hold no longer"
    return Rendered(title, f"{_name(rows[0].payload)} is on hold no longer", each[0], _link(rows[0].payload))


def _interest(rows: Sequence[Outbox]) -> Rendered:
    each = [_interest_words(row.payload) for row in rows]
    if len(rows) > 1:
        return _digest(
            rows, f"New interest of {len(rows)} of your leads", f"New interest of {len(rows)} of your leads", each, "/inbox/"
        )
    return Rendered(
        "New interest of one of your leads", f"{_name(rows[0].payload)} shows new interest", each[0], _link(rows[0].payload)
    )


def _interest_words(payload: dict[str, Any]) -> str:
    if "did" not in payload:
        return f"{_name(payload)} met the criteria again{' as an MQO' if payload.get('mqo') else ''}: {payload['why']}"
    rose = f"the score is now {payload['now']}" if payload.get("now") else "the score rose"
    return f"{_name(payload)}: {payload['did']}; {rose}" if payload["did"] else f"{_name(payload)}: {rose} with new activity"


# What made an MQO of a lead that did nothing itself, by the cause of its qualification.
REGRADED_BY = {"activation": "the criteria changed", "facts": "what is known about it changed", "time": "time passed"}


def _regraded(rows: Sequence[Outbox]) -> Rendered:
    each = [
        f"{_name(row.payload)} counts as an MQO now because {REGRADED_BY.get(row.payload['cause'], 'its facts were imported')}, "
        f"not because of anything it did: {row.payload['why']}"
        for row in rows
    ]
    if len(rows) > 1:
        return _digest(
            rows, f"{len(rows)} of your leads count as MQOs now", f"{len(rows)} of your leads count as MQOs now", each, "/inbox/"
        )
    title = f"{_name(rows[0].payload)} counts as an MQO now"
    return Rendered("One of your leads counts as an MQO now", title, each[0], _link(rows[0].payload))


def _disputed(rows: Sequence[Outbox]) -> Rendered:
    each = [f"{row.payload['actor']} disputes the rejection of {_name(row.payload)}: {row.payload['note']}" for row in rows]
    if len(rows) > 1:
        return _digest(rows, f"{len(rows)} rejections are disputed", f"{len(rows)} rejections are disputed", each, "/rejections/")
    return Rendered(
        "A rejection is disputed", f"The rejection of {_name(rows[0].payload)} is disputed", each[0], _link(rows[0].payload)
    )


def _withdrawn(rows: Sequence[Outbox]) -> Rendered:
    payload = rows[0].payload
    text = f"{_name(payload)}: the time to {PROMISES.get(payload['clock'], payload['clock'])} was kept after all; it was logged later."
    return Rendered("A breach is withdrawn", f"{_name(payload)} was in time", text, _link(payload))


# Whether it still makes sense


def _offer_stands(row: Outbox) -> bool:
    """The person still has it before them and has not opened it in the portal meanwhile."""
    return Handoff.objects.filter(
        pk=row.handoff_id or 0, owner_id=row.recipient_id, state=HandoffState.OFFERED, seen_at=None
    ).exists()


def _clock_stands(row: Outbox) -> bool:
    states = (SlaTimer.State.RUNNING, SlaTimer.State.PAUSED)
    return SlaTimer.objects.filter(pk=row.timer_id or 0, epoch=row.epoch or 0, state__in=states).exists()


def _answer_stands(row: Outbox) -> bool:
    return Handoff.objects.filter(pk=row.handoff_id or 0, epoch=row.epoch or 0, state__in=TERMINAL).exists()


def _dispute_stands(row: Outbox) -> bool:
    """The verdict was not taken back."""
    return RejectionReview.objects.filter(pk=row.payload.get("review") or 0).exists()


def _nudge_stands(row: Outbox) -> bool:
    """Whoever was asked has it still and has done nothing about it since."""
    wanted = HandoffState.OFFERED if row.payload.get("clock") == ClockKind.ACCEPT else HandoffState.ACCEPTED
    return Handoff.objects.filter(pk=row.handoff_id or 0, owner_id=row.recipient_id, state=wanted).exists()


def _is_open(row: Outbox) -> bool:
    return Handoff.objects.filter(pk=row.handoff_id or 0, state__in=OPEN).exists()


def register_kinds() -> None:
    """Make the outbox know this app's messages and work; called once, when the app is ready."""
    from handoff.heavy import do_step

    register(OFFERED, Kind("Offer", _offered, _offer_stands, sample=SAMPLE))
    register(STEP, Kind("Deadline", _step, _clock_stands, sample=SAMPLE))
    register(ANSWERED, Kind("Rejection", _answered, _answer_stands))
    register(MOVED, Kind("Reassignment", _moved))
    register(INTEREST, Kind("New interest", _interest, _is_open, sample=SAMPLE))
    register(REGRADED, Kind("Changed grade", _regraded, _is_open, sample=SAMPLE))
    register(DISPUTED, Kind("Dispute", _disputed, _dispute_stands, sample=SAMPLE))
    register(NUDGED, Kind("Nudge", _nudged, _nudge_stands, sample=SAMPLE))
    register(RESUMED, Kind("End of a hold", _resumed, _nudge_stands, sample=SAMPLE))
    register(WITHDRAWN, Kind("Breach withdrawn", _withdrawn))
    register(WORK, Kind("Step of a policy", handle=do_step))


# An invented hand-off, for trying the texts of mails while there is no real one.
SAMPLE = {
    "handoff": 1, "lead": "Ivy Okafor", "company": "Northwind Freight", "why": "Requested a demo", "score": 82, "due": "2026-06-08T14:00:00+00:00",
    "promised": "2026-06-08T14:00:00+00:00", "clock": "accept", "action": "breach", "owner": "Rita Reynolds", "actor": "Mona Meyer",
    "reason": "Too small", "note": "Four people", "did": "Requested a demo", "now": 90, "cause": "time", "epoch": 0,
}  # fmt: skip
