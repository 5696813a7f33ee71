"""Where the browser is, how it starts, and what one that is missing needs."""

import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
HOW_TO_INSTALL = "no Chromium on this machine: apt-get install chromium   (or: .venv/bin/python -m playwright install chromium)"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def path_of_chromium(playwright: Playwright) -> str | None:
    """The system's browser, else Playwright's own, else None."""
    own = playwright.chromium.executable_path
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or (own if own and Path(own).exists() else None)


def launch(playwright: Playwright) -> Browser | None:
    path = path_of_chromium(playwright)
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS) if path else None
