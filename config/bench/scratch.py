"""A database of its own for a benchmark, migrated and thrown away, on the server the settings name."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from django.core.management import call_command
from django.db import connection, connections
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from leads.roles import sync_roles

ROOT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def scratch_database(*, keep: bool = False, name: str | None = None) -> Iterator[str]:
    """Point the default connection at a new, migrated database; yields its name and drops it afterwards unless `keep`.

    One called `name` that was kept is used again as it is.
    """
    settings = connection.settings_dict
    original = settings["NAME"]
    name = name or f"accord_bench_{secrets.token_hex(4)}"
    with _outside() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    settings["NAME"] = name
    try:
        call_command("migrate", verbosity=0, interactive=False)
        sync_roles()
        yield name
    finally:
        connections["default"].close()
        settings["NAME"] = original
        if not keep:
            with _outside() as cursor:
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _outside() -> Iterator[CursorWrapper]:
    """A cursor on the server's own database, outside any transaction."""
    settings = connection.settings_dict
    name = settings["NAME"]
    connections["default"].close()
    settings["NAME"] = "postgres"
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connections["default"].close()
        settings["NAME"] = name


def data_digest() -> str:
    """Changes when a kept database would be made otherwise: by other migrations, another past, another model."""
    made_by = [*sorted(ROOT.glob("*/migrations/0*.py")), *(ROOT / "config/bench" / name for name in ("past.py", "twenty.py"))]
    return sha256(b"".join(path.read_bytes() for path in made_by)).hexdigest()[:8]


def database_url(name: str) -> str:
    """The address of database `name` on the same server, for child processes."""
    settings = connection.settings_dict
    user, password = settings.get("USER") or "postgres", settings.get("PASSWORD") or ""
    host, port = settings.get("HOST") or "", settings.get("PORT") or ""
    secret = f":{password}" if password else ""
    if host.startswith("/") or not host:
        query = f"?host={host}" if host else ""
        return f"postgres://{user}{secret}@/{name}{query}"
    return f"postgres://{user}{secret}@{host}{f':{port}' if port else ''}/{name}"
