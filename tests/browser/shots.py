"""Pictures of every page on demo data, wide and narrow, light and dark: `python -m tests.browser.shots`.

Fills a database of its own, so no portal has to run and none is touched; the clock stands in the morning of the last
working day, so that clocks run. Options: `--leads N` (default 500), `--only PART,PART` (pages whose names hold one),
`--into FOLDER` (default var/shots).
"""

# ruff: noqa: E402 - Django has to be set up before its models are imported

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

import django

django.setup()

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.test.runner import DiscoverRunner
from django.test.testcases import LiveServerThread
from django.test.utils import setup_test_environment
from playwright.sync_api import Browser, Page, sync_playwright

from config import embedded
from config.health import banner
from handoff.models import Handoff, SlaTimer
from leads import clock
from leads.models import Lead, User
from tests.browser.addresses import first_with, pages_of_objects, pages_without_object
from tests.browser.chromium import HOW_TO_INSTALL, launch

SIZES = {"1440": (1440, 900), "390": (390, 844)}
THEMES = ("light", "dark")
# Who a page is shown to: the first of these roles that may open it.
EYES = ("rep", "marketing", "sales_manager", "administrator")


def people() -> dict[str, User]:
    """One person of the demo's cast for each role."""
    return {role: found for role in EYES if (found := first_with(role))}


def addresses() -> dict[str, str]:
    """Every page by the name its picture gets: those without an object, and the first object of each kind."""
    found = {re.sub(r"[^a-z0-9]+", "-", address.strip("/")) or "home": address for address in pages_without_object()}
    return found | pages_of_objects()


def last_working_morning() -> datetime:
    """20 to 11 in Berlin, today or on the last day before that people work."""
    at = datetime.now(ZoneInfo("Europe/Berlin")).replace(hour=10, minute=40, second=0, microsecond=0)
    if at > datetime.now(UTC):
        at -= timedelta(days=1)
    while at.weekday() > 4:
        at -= timedelta(days=1)
    return at.astimezone(UTC)


def hold_clock(at: datetime) -> None:
    """Stop the portal's clock for all threads of this process; the demo still lives through its own days."""
    clock.now = clock.at_hand = lambda: clock._frozen.get() or at


def fill_one_inbox() -> None:
    """What is offered waits with one rep, in every state a clock can show: an inbox worth a picture."""
    rep = first_with("rep")
    now = clock.now()
    waiting = list(Handoff.objects.filter(state="offered").order_by("-score", "pk")[:14])
    minutes = (-196, -5, 12, 27, 62, 88, 125, 177, 252, 337, 372, 1700, 1820, 1900)
    for place, handoff in enumerate(waiting):
        due = now + timedelta(minutes=minutes[place])
        Handoff.objects.filter(pk=handoff.pk).update(owner=rep, due_at=due)
        Lead.objects.filter(pk=handoff.lead_id).update(owner=rep)
        SlaTimer.objects.filter(handoff=handoff, met_at=None, state="running", due_at__gte=now).update(due_at=due)


@contextmanager
def portal(leads: int) -> Iterator[str]:
    """A portal with a year of demo data on a free port; gone afterwards."""
    server = embedded.use(settings.EMBEDDED_FOLDER, durable=False) if settings.EMBEDDED_FOLDER else None
    setup_test_environment()
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        call_command("demo", leads=leads)
        fill_one_inbox()
        banner.hold(None)  # no worker runs beside the pictures
        thread = LiveServerThread("127.0.0.1", StaticFilesHandler)
        thread.daemon = True
        thread.start()
        thread.is_ready.wait()
        if thread.error:
            raise thread.error
        yield f"http://127.0.0.1:{thread.port}"
        thread.terminate()
        thread.join()
    finally:
        connections.close_all()
        runner.teardown_databases(databases)
        if server:
            server.leave()


def signed_in(browser: Browser, base: str, user: User | None, size: tuple[int, int], theme: str) -> Page:
    context = browser.new_context(
        base_url=base,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,
        reduced_motion="reduce",
        has_touch=size[0] < 768,
    )
    if user is not None:
        client = Client()
        client.force_login(user)
        name = settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": base}])
    page = context.new_page()
    page.clock.set_fixed_time(clock.now())
    return page


def viewer_of(address: str, cast: dict[str, User]) -> User | None:
    """Who the page is shown to; None when nobody gets a whole page there."""
    for user in cast.values():
        client = Client(raise_request_exception=False)
        client.force_login(user)
        response = client.get(address)
        if response.status_code == 200 and not response.streaming and b"<html" in response.content:
            return user
    return None


def is_wanted(name: str, only: str) -> bool:
    """Whether a page is among those asked for; nothing asked for is all."""
    return any(part in name for part in only.split(","))


def take(browser: Browser, base: str, only: str, into: Path) -> int:
    cast = people()
    eyes: dict[str, Any] = {name: viewer_of(address, cast) for name, address in addresses().items() if is_wanted(name, only)}
    doors = {"login": "/login/", "password-reset": "/password_reset/"}
    count = 0
    for theme in THEMES:
        for width, size in SIZES.items():
            pages: dict[int | None, Page] = {}
            for name, address in {**addresses(), **doors}.items():
                user = None if name in doors else eyes.get(name)
                if not is_wanted(name, only) or (user is None and name not in doors):
                    continue
                key = user.pk if user else None
                page = pages.setdefault(key, None) or signed_in(browser, base, user, size, theme)
                pages[key] = page
                page.set_viewport_size({"width": size[0], "height": size[1]})
                page.goto(address)
                tall = min(page.evaluate("document.documentElement.scrollHeight"), 3000)
                page.set_viewport_size({"width": size[0], "height": max(size[1], tall)})
                page.wait_for_timeout(80)
                page.screenshot(path=into / f"{name}-{width}-{theme}.png")
                count += 1
            for page in pages.values():
                page.context.close()
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=500)
    parser.add_argument("--only", default="")
    parser.add_argument("--into", type=Path, default=Path(settings.BASE_DIR) / "var" / "shots")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if browser is None:
            print(HOW_TO_INSTALL, file=sys.stderr)
            return 1
        hold_clock(last_working_morning())
        with portal(options.leads) as base:
            count = take(browser, base, options.only, options.into)
        browser.close()
    print(f"{count} pictures in {options.into}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
