"""Somebody with a draft open, as a browser behaves: asks what changed, has the figures drawn anew after each change, and edits."""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client

from config.bench.measure import check
from config.bench.server import Browser
from config.bench.timing import Spent
from leads.models import User
from leads.roles import BY_KEY

_KNOWN = {"rev": re.compile(rb"rev=(\d+)"), "talk": re.compile(rb"talk=(\d+)"), "here": re.compile(rb"here=(\w+)")}
_TOKEN = "a" * 32
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def people(count: int) -> list[User]:
    """So many people, every other one of sales."""
    found = []
    for number in range(count):
        user, is_new = User.objects.get_or_create(
            email=f"person{number}@accord.example", defaults={"full_name": f"Person {number}"}
        )
        if is_new:
            user.groups.add(Group.objects.get(name=BY_KEY["marketing" if number % 2 else "sales_manager"].label))
        found.append(user)
    return found


@dataclass(frozen=True, slots=True)
class Taken:
    """One answer: when it was asked for (monotonic), the seconds until it was there, and what it cost the server."""

    began: float
    seconds: float
    spent: Spent


class Tab:
    """A tab of one person. `taken` by kind of request; `seen` is when it first had each revision, `edits` when which one began."""

    def __init__(self, port: int, user: User, draft: str) -> None:
        client = Client()
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={_TOKEN}"
        self.browser = Browser(port, {"Cookie": cookie, "X-CSRFToken": _TOKEN})
        self.draft = draft
        self.known: dict[str, str] = {}
        self.taken: dict[str, list[Taken]] = {}
        self.seen: dict[int, float] = {}
        self.edits: list[tuple[int, float]] = []
        self.overtaken = 0

    @property
    def rev(self) -> int:
        return int(self.known["rev"])

    def open(self) -> None:
        """Load the page, and the figures as it does."""
        status, body = self._ask("page", "GET", self.draft, part=False)
        check(status == 200, f"the draft answered {status}")
        self._note(body)
        self.figures()

    def poll(self) -> bool:
        """Ask what changed; whether the draft is another one by now."""
        rev = self.rev
        status, body = self._ask("poll", "GET", f"{self.draft}delta/?{urlencode(self.known)}")
        check(status in (200, 204), f"a poll answered {status}")
        name = "poll_same" if status == 204 else "poll_changed"
        self.taken.setdefault(name, []).append(self.taken["poll"].pop())
        self._note(body)
        return self.rev != rev

    def figures(self) -> bytes:
        """The effect of the draft as the page has it; nothing when it was edited meanwhile."""
        status, body = self._ask("figures", "GET", f"{self.draft}effect/?rev={self.rev}&rows=1")
        if status == 204:
            self.taken["figures"].pop()
            self.overtaken += 1
            return b""
        check(status == 200 and b"effect-figures" in body, f"the figures answered {status}: {body[:300]!r}")
        return body

    def stays(self, until: float, dice: random.Random) -> None:
        """Poll every 1.2 to 1.8 s."""
        time.sleep(dice.uniform(0, 1.5))
        while time.monotonic() < until:
            if self.poll():
                self.figures()
            time.sleep(dice.uniform(1.2, 1.8))

    def works(self, edits: list[Callable[[int], None]], until: float, dice: random.Random, pause: tuple[float, float]) -> None:
        """Make these edits in turn, each followed by a look at what it does, between them polling."""
        turn = 0
        while time.monotonic() < until:
            began = time.monotonic()
            edits[turn % len(edits)](turn)
            turn += 1
            self.poll()
            self.edits.append((self.rev, began))
            self.figures()
            next_at = time.monotonic() + dice.uniform(*pause)
            while (left := next_at - time.monotonic()) > 0:
                time.sleep(min(left, dice.uniform(1.2, 1.8)))
                if time.monotonic() < next_at and self.poll():
                    self.figures()

    def points(self, key: str, points: int) -> None:
        self._edit(f"criteria/{key}/points/", {"points": points, "rev": self.rev})

    def threshold(self, threshold: int) -> None:
        self._edit("threshold/", {"threshold": threshold, "rev": self.rev})

    def condition(self, key: str, low: int) -> None:
        """Open the form of a criterion that asks for a number, have it begin elsewhere, and come back to the page."""
        path = f"criteria/{key}/"
        status, body = self._ask("form", "GET", f"{self.draft}{path}")
        check(status == 200, f"the form answered {status}")
        typed = Inputs.of(body, "part")
        changed = [(name, str(low) if name.endswith("-low") else value) for name, value in typed]
        self._edit(path, changed, 204)
        status, body = self._ask("page", "GET", self.draft, part=False)
        check(status == 200, f"the draft answered {status}")
        self._note(body)

    def _edit(self, path: str, typed: object, wanted: int = 200) -> None:
        status, answer = self._ask("edit", "POST", f"{self.draft}{path}", urlencode(typed).encode())  # type: ignore[arg-type]
        check(status == wanted, f"an edit of {path} answered {status}: {answer[:300]!r}")

    def _ask(self, name: str, method: str, path: str, body: bytes | None = None, *, part: bool = True) -> tuple[int, bytes]:
        headers = {"HX-Request": "true"} if part else {}
        began = time.monotonic()
        status, answer = self.browser.request(method, path, body, **(headers | (_FORM if body else {})))
        seconds = time.monotonic() - began
        check(self.browser.spent is not None, "an answer without what it cost")
        assert self.browser.spent is not None
        self.taken.setdefault(name, []).append(Taken(began, seconds, self.browser.spent))
        return status, answer

    def _note(self, body: bytes) -> None:
        found = {name: pattern.search(body) for name, pattern in _KNOWN.items()}
        self.known |= {name: match[1].decode() for name, match in found.items() if match}
        self.seen.setdefault(self.rev, time.monotonic())


class Inputs(HTMLParser):
    """What a browser would send of a form as it was drawn."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.found: list[tuple[str, str]] = []
        self._inside = False
        self._select = self._first = ""

    @classmethod
    def of(cls, body: bytes, form: str) -> list[tuple[str, str]]:
        """The names and values of the form with this id."""
        reader = cls(form)
        reader.feed(body.decode())
        check(reader.found, f"there is no form “{form}”")
        return reader.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        had = dict(attrs)
        name, value = had.get("name") or "", had.get("value") or ""
        if tag == "form":
            self._inside = had.get("id") == self.form
        if not self._inside:
            return
        if tag == "select":
            self._select, self._first = name, "unset"
        elif tag == "option" and self._select:
            if "selected" in had:
                self.found.append((self._select, value))
                self._select = ""
            elif self._first == "unset":
                self._first = value
        elif tag == "input" and name:
            picked = had.get("type") not in ("checkbox", "radio") or "checked" in had
            if picked and had.get("type") not in ("submit", "button"):
                self.found.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            self.found.append((self._select, self._first))
            self._select = ""
        elif tag == "form":
            self._inside = False
