"""What a start without configuration adds: the embedded database and a secret of its own, both in the portal's folder."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import environ

from config import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
WITHOUT_DATABASE = frozenset(
    (
        "help",
        "version",
        "check",
        "collectstatic",
        "diffsettings",
        "makemigrations",
        "makemessages",
        "compilemessages",
        "startapp",
        "portal",
    )
)


def read_env_file() -> None:
    """Reads `.env` beside `manage.py`; what the environment already says wins."""
    if (BASE_DIR / ".env").exists():
        environ.Env.read_env(BASE_DIR / ".env")


def folder() -> Path:
    return Path(os.environ.get("VAR_DIR") or BASE_DIR / "var").resolve()


def is_trial() -> bool:
    """True when nobody named a database: then everything lives in the portal's own folder."""
    return not os.environ.get("DATABASE_URL")


def lend_secret() -> None:
    """A trial gets a SECRET_KEY, made once and kept in its folder, readable by its owner alone."""
    if os.environ.get("SECRET_KEY"):
        return
    path = folder() / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(60))
    os.environ["SECRET_KEY"] = path.read_text().strip()


def prepare(arguments: list[str]) -> None:
    """Makes a bare `manage.py command` work: called before Django reads the settings."""
    read_env_file()
    if not is_trial():
        return
    lend_secret()
    command = arguments[1] if len(arguments) > 1 else "help"
    if command.startswith("-") or command in WITHOUT_DATABASE or {"-h", "--help"} & set(arguments):
        return
    try:
        embedded.use(folder())
    except embedded.EmbeddedError as error:
        sys.exit(str(error))
