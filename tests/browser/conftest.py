"""A real browser against a live server on the tests' database.

`page_as(user)` opens a signed-in page; every page fails its test by itself when the browser reports an error, a warning
about the content security policy, or a failed request that the test did not announce.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import axe_playwright_python
import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from leads.models import User
from tests.browser.chromium import HOW_TO_INSTALL, launch

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
# The end of one may begin another: what inherits a colour follows it with a transition of its own.
TRANSITIONS_END = """() => {
    const running = () => document.getAnimations().filter((one) => one instanceof CSSTransition);
    for (let round = 0; round < 20 && running().length; round++) running().forEach((one) => one.finish());
}"""
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    # Playwright's loop runs in this thread; Django would refuse the database there without a word that it is meant.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if browser is None:
            pytest.skip(HOW_TO_INSTALL)
        yield browser
        browser.close()


@pytest.fixture
def live(transactional_db: None, live_server: Any) -> Any:
    """The portal on a port."""
    return live_server


class Complaints:
    """What the browser found wrong; the answers a test provokes on purpose are announced with `expect`."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._expected: set[int] = set()
        self.is_deaf = False

    def expect(self, *statuses: int) -> None:
        self._expected.update(statuses)

    def hear(self, message: ConsoleMessage) -> None:
        if self.is_deaf or message.type not in ("error", "warning"):
            return
        if any(f"status of {status}" in message.text for status in self._expected):
            return
        if message.text.startswith("htmx:sendAbort"):
            # A request given up on purpose: its page was left, or a newer one took its place. htmx reports the end first.
            if self.found and self.found[-1].startswith("error: htmx:afterRequest"):
                self.found.pop()
            return
        self.found.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def watch(self, page: Page) -> None:
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    heard = Complaints()
    yield heard
    assert not heard.found, "the browser complained:\n" + "\n".join(heard.found)


@pytest.fixture
def page_as(chromium: Browser, live: Any, complaints: Complaints) -> Iterator[Callable[..., Page]]:
    """`page_as(user, theme="light", phone=False)`: a new browser window in which `user` is signed in (None: nobody)."""
    contexts: list[BrowserContext] = []

    def open_page(user: User | None, *, theme: str = "light", phone: bool = False, **options: Any) -> Page:
        context = chromium.new_context(
            base_url=live.url,
            viewport=PHONE if phone else DESK,
            color_scheme=theme,
            reduced_motion="reduce",
            has_touch=phone,
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        if user is not None:
            browser = Client()
            browser.force_login(user)
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": browser.cookies[name].value, "url": live.url}])
        page = context.new_page()
        complaints.watch(page)
        return page

    yield open_page
    complaints.is_deaf = True  # an answer that comes while a page is taken down finds nothing to go into
    for context in contexts:
        context.close()


@pytest.fixture
def people(live: Any, cast: SimpleNamespace) -> SimpleNamespace:
    """The cast on the live server's database."""
    return cast


def violations(page: Page, heard: Complaints, *, only: str = "") -> list[str]:
    """What axe finds on the page as it stands (`only`: by one rule), while its own breaches of the policy go unheard.

    Run through the debugger, so the page's policy stays on.
    """
    rules = {"runOnly": {"type": "rule", "values": [only]}} if only else RULES
    heard.is_deaf = True
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    result = page.evaluate("rules => axe.run(document, {...rules, preload: false, resultTypes: ['violations']})", rules)
    heard.is_deaf = False
    return [
        f"{found['id']}: {found['help']} at {', '.join(str(node['target'][0]) for node in found['nodes'][:4])}"
        + (f" [{found['nodes'][0].get('failureSummary', '')}]" if found["id"] == "color-contrast" else "")
        for found in result["violations"]
    ]


def unusable(page: Page, heard: Complaints, *, thorough: bool = True) -> list[str]:
    """What keeps anybody from using the page as it stands: found in the light theme at a desk, then in the dark one and on a phone.

    What a theme changes is contrast and what a phone changes is width; `thorough` asks the dark phone by every rule all the same.
    """
    found = violations(page, heard)
    page.emulate_media(color_scheme="dark")
    page.evaluate(TRANSITIONS_END)
    if not thorough:
        found += [f"dark: {one}" for one in violations(page, heard, only="color-contrast")]
    page.set_viewport_size(PHONE)
    if thorough:
        found += [f"dark phone: {one}" for one in violations(page, heard)]
    found += [f"wider than the phone: {one}" for one in sideways(page)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)
    return found


def in_both_themes(page: Page, heard: Complaints) -> list[str]:
    """What axe finds on the page in its own size, and by contrast in the dark."""
    found = violations(page, heard)
    page.emulate_media(color_scheme="dark")
    page.evaluate(TRANSITIONS_END)
    found += [f"dark: {one}" for one in violations(page, heard, only="color-contrast")]
    page.emulate_media(color_scheme="light")
    return found


def settled(page: Page) -> None:
    """Wait until htmx has taken over what it put into the page, which it does 20 ms after it is seen: nobody is faster but a test."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-added, .htmx-settling")).to_have_count(0)


def sideways(page: Page) -> list[str]:
    """The elements that make the page wider than the window; none when it does not scroll sideways."""
    return page.evaluate(
        """() => {
            const wide = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= wide) return [];
            return [...document.querySelectorAll('body *')]
                .filter((element) => element.getBoundingClientRect().right > wide + 1)
                .slice(-4).map((element) => element.outerHTML.slice(0, 120));
        }"""
    )
