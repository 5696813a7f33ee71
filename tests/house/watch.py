"""Watches the whole test run: which templates were rendered, and that no page carries inline style or script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loaders.app_directories import get_app_template_dirs
from django.test import Client
from django.test.signals import template_rendered

# In small letters, as pages are looked through: a pattern that begins with a fixed letter is found many times faster.
INLINE = (
    (re.compile(r"<style[\s>]"), "a <style> element"),
    (re.compile(r"<[a-z][^<>]*\sstyle\s*="), "a style attribute"),
    (re.compile(r"<[a-z][^<>]*\son[a-z]+\s*=\s*[\"']"), "an event attribute"),
    (re.compile(r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")"), "an inline script"),
    (re.compile(r"=\s*[\"']\s*javascript:"), "a javascript: address"),
    (re.compile(r"hx-(?:on[:a-z-]*=|vals\s*=\s*[\"']js:)"), "an htmx attribute that needs eval"),
)
RENDERED: set[str] = set()


def inline_code(html: str) -> list[str]:
    """What a strict content security policy would refuse in `html`."""
    html = html.lower()
    return [f"{what}: {found.group(0)[-80:]!r}" for pattern, what in INLINE if (found := pattern.search(html))]


def project_templates() -> dict[str, Path]:
    """Every template of the project by the name it is loaded with."""
    root = Path(settings.BASE_DIR)
    own = [folder for folder in get_app_template_dirs("templates") if root in folder.parents and ".venv" not in folder.parts]
    found = {}
    for folder in (root / "templates", *own):
        found |= {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.suffix in (".html", ".txt")}
    return found


def never_rendered(rendered: set[str]) -> list[str]:
    return sorted(set(project_templates()) - rendered)


@pytest.fixture(scope="session", autouse=True)
def _watch_templates() -> Iterator[None]:
    def note(sender, template, **more):
        if template.name:
            RENDERED.add("".join(template.name))  # a plain text: a safe one cannot be sent to the first process

    template_rendered.connect(note, weak=False)
    yield
    template_rendered.disconnect(note)


@pytest.fixture(scope="session", autouse=True)
def _watch_pages() -> Iterator[None]:
    """Every page a test's client gets is looked through."""
    plain = Client.request

    def request(self, **environment):
        response = plain(self, **environment)
        if not response.streaming and response.headers.get("Content-Type", "").startswith("text/html"):
            wrong = inline_code(response.content.decode(response.charset or "utf-8", "replace"))
            assert not wrong, f"{environment.get('PATH_INFO')} carries {'; '.join(wrong)}"
        return response

    Client.request = request
    yield
    Client.request = plain


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["rendered"] = sorted(RENDERED)
    elif exitstatus == 0 and is_whole_run(config) and never_rendered(RENDERED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_testnodedown(node, error) -> None:
    RENDERED.update(getattr(node, "workeroutput", {}).get("rendered", ()))


def pytest_terminal_summary(terminalreporter, exitstatus: int, config: pytest.Config) -> None:
    for name, count in compared(terminalreporter):
        terminalreporter.write_line(f"{name}: {count:,} compared")
    if exitstatus in (0, 1) and is_whole_run(config) and not terminalreporter.stats.get("failed"):
        for name in never_rendered(RENDERED):
            terminalreporter.write_line(f"FAILED no test renders the template {name}", red=True)


def compared(terminalreporter) -> list[tuple[str, int]]:
    """The tests that say how many random cases they compared, with how many."""
    told = [(one.nodeid, dict(one.user_properties)) for one in terminalreporter.getreports("passed")]
    return [(name.rpartition("::")[2], said["compared"]) for name, said in told if "compared" in said]


def is_whole_run(config: pytest.Config) -> bool:
    """True when nothing was left out, so that what is missing is really missing."""
    option = config.option
    marks_narrow = option.markexpr not in ("", "not faults")  # these have a run of their own, and draw no page
    narrowed = option.keyword or marks_narrow or getattr(option, "lf", False) or option.deselect or option.collectonly
    return not narrowed and config.args == config.getini("testpaths") and not option.maxfail
