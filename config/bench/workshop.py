"""Thirty people with one draft open: each asks what changed as a browser does, while edits of both sides stream in."""

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client

from config.bench.data import grow
from config.bench.measure import Result, check, median_ms, p95_ms
from config.bench.scratch import database_url, scratch_database
from config.bench.server import Browser, in_parallel, serving
from leads import clock
from leads.models import User
from leads.roles import BY_KEY
from scoring.actions.versions import create_model
from scoring.models import ModelVersion

PEOPLE = 30
EDITORS = 3
SECONDS = 30.0
BETWEEN_EDITS_S = 1.0
SEEN_WITHIN_MS = 2_000.0
POLL_TARGET_MS = 60.0
EDIT_TARGET_MS = 150.0
_REV, _TALK, _HERE = (re.compile(pattern) for pattern in (rb"rev=(\d+)", rb"talk=(\d+)", rb"here=(\w+)"))
_TOKEN = "a" * 32


@dataclass
class _Seen:
    """What one browser measured, in seconds, and when it first had each revision."""

    same: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    edits: list[tuple[int, float, float]] = field(default_factory=list)  # revision, began, seconds
    revisions: dict[int, float] = field(default_factory=dict)
    rev: int = 0


def _people() -> list[User]:
    found = []
    for number in range(PEOPLE):
        user = User.objects.create_user(f"person{number}@accord.example", full_name=f"Person {number}")
        user.groups.add(Group.objects.get(name=BY_KEY["marketing" if number % 2 else "sales_manager"].label))
        found.append(user)
    return found


def _browser(port: int, user: User) -> Browser:
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={_TOKEN}"
    return Browser(port, {"Cookie": cookie, "HX-Request": "true", "X-CSRFToken": _TOKEN})


def _asks(browser: Browser, draft: str, until: float, dice: random.Random, seen: _Seen) -> None:
    """Poll every 1.2 to 1.8 s, as the page's script does."""
    status, body = browser.request("GET", draft)
    check(status == 200, f"the draft answered {status}")
    known = _known(body, {})
    time.sleep(dice.uniform(0, 1.5))
    while time.monotonic() < until:
        began = time.perf_counter()
        status, body = browser.request("GET", f"{draft}delta/?{urlencode(known)}")
        taken = time.perf_counter() - began
        check(status in (200, 204), f"a poll answered {status}")
        (seen.same if status == 204 else seen.changed).append(taken)
        if status == 200:
            known = _known(body, known)
            seen.rev = int(known["rev"])
            seen.revisions.setdefault(seen.rev, time.monotonic())
        time.sleep(dice.uniform(1.2, 1.8))


def _known(body: bytes, before: dict[str, str]) -> dict[str, str]:
    found = {"rev": _REV.search(body), "talk": _TALK.search(body), "here": _HERE.search(body)}
    return before | {name: match[1].decode() for name, match in found.items() if match}


def _edits(browser: Browser, draft: str, key: str, until: float, dice: random.Random, seen: _Seen) -> None:
    """Give one criterion other points, about once a second, from the revision the last answer had."""
    rev, points = 1, 0
    while time.monotonic() < until:
        points = (points + 7) % 50
        body = urlencode({"points": points, "rev": rev}).encode()
        began = time.monotonic()
        status, answer = browser.request(
            "POST", f"{draft}criteria/{key}/points/", body, **{"Content-Type": "application/x-www-form-urlencoded"}
        )
        taken = time.monotonic() - began
        check(status == 200, f"an edit answered {status}: {answer[:200]!r}")
        stored = re.search(rb'name="rev" value="(\d+)"', answer)
        check(stored is not None, "an edit answered without its row")
        rev = int(stored[1]) if stored else rev
        seen.edits.append((rev, began, taken))
        time.sleep(dice.uniform(0.6, 1.4) * BETWEEN_EDITS_S)


def run(sizes: list[int]) -> Iterator[Result]:
    """Yields the polls without and with news, the edits, and how soon the others see them."""
    with scratch_database() as name:
        have = 0
        people = _people()
        with serving(database_url(name)) as port:
            for size in sorted(sizes):
                have = grow(have, size, clock.now())
                draft = create_model(f"Workshop {size}", actor=None, start="fit_engagement")
                yield from _measure(port, size, people, draft)


def _measure(port: int, size: int, people: list[User], draft: ModelVersion) -> Iterator[Result]:
    address = f"/criteria/drafts/{draft.pk}/"
    keys = list(draft.criteria.values_list("key", flat=True))[:EDITORS]
    until = time.monotonic() + SECONDS
    seen = [_Seen() for _ in range(PEOPLE + EDITORS)]
    browsers = [_browser(port, people[number % PEOPLE]) for number in range(PEOPLE + EDITORS)]

    def runs(number: int, _: list[float]) -> None:
        dice = random.Random(number)  # noqa: S311 - the pace of a made-up browser
        if number < PEOPLE:
            _asks(browsers[number], address, until + 4, dice, seen[number])
        else:
            _edits(browsers[number], address, keys[number - PEOPLE], until, dice, seen[number])

    in_parallel(runs, PEOPLE + EDITORS)
    draft.refresh_from_db()
    edits = [edit for one in seen[PEOPLE:] for edit in one.edits]
    check(draft.rev == 1 + len(edits), f"{len(edits)} edits, but revision {draft.rev}")
    check(all(one.rev == draft.rev for one in seen[:PEOPLE]), "somebody never saw the last edit")
    same, changed = ([value for one in seen[:PEOPLE] for value in getattr(one, name)] for name in ("same", "changed"))
    delays = [
        min(at for rev, at in one.revisions.items() if rev >= edit) - began for one in seen[:PEOPLE] for edit, began, _ in edits
    ]
    for step, values, target in (
        ("poll_same", same, POLL_TARGET_MS),
        ("poll_changed", changed, EDIT_TARGET_MS),
        ("edit", [taken for _, _, taken in edits], EDIT_TARGET_MS),
        ("edit_seen", delays, SEEN_WITHIN_MS),
    ):
        if values:
            p95 = p95_ms(values)
            rate = len(values) / SECONDS if step != "edit_seen" else None
            yield Result(step, size, median_ms(values), p95, rate, None, None, target, p95 <= target, "p95_ms")
