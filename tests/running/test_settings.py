"""The settings: safe for production, honest when something is missing, and all of them in the README's table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "DATABASE_URL": "postgres://accord:secret@db.example/accord",
    "SECRET_KEY": "k" * 20 + "0123456789abcdefghijklmnopqrstuvwxyz" + "ABCDEFGH",
    "SITE_URL": "https://accord.example.com",
    "ALLOWED_HOSTS": "accord.example.com",
}
READ = re.compile(r"""env(?:\.\w+)?\(\s*["']([A-Z_]+)["']|environ(?:\.get|\.setdefault)?[(\[]\s*["']([A-Z_]+)["']""")
NOT_FOR_PEOPLE = {"DJANGO_SETTINGS_MODULE", "PGOPTIONS", "BIND"}


def run(*command, **environment):
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE")}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_production_settings_pass_djangos_deployment_check():
    done = run("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


@pytest.mark.slow
def test_a_missing_secret_in_production_stops_with_words_that_help():
    done = run("check", **{name: value for name, value in PRODUCTION.items() if name != "SECRET_KEY"})
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr
    assert "token_urlsafe" in done.stderr


@pytest.mark.slow
def test_two_portals_on_one_machine_do_not_share_cookies():
    """A browser keeps cookies by host, whatever the port."""
    asked = "from django.conf import settings; print(settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)"
    names = [
        run("shell", "--no-imports", "-c", asked, **PRODUCTION | {"SITE_URL": url}).stdout.split()
        for url in ("http://localhost:8000", "http://localhost:9000", "https://accord.example.com")
    ]
    assert [len(pair) for pair in names] == [2, 2, 2]
    assert len({name for pair in names for name in pair}) == 6
    assert names[2] == ["sessionid", "csrftoken"]


def names_read():
    found = set()
    for path in (ROOT / "config").rglob("*.py"):
        found |= {one or other for one, other in READ.findall(path.read_text())}
    return found - NOT_FOR_PEOPLE


def names_in_readme():
    text = (ROOT / "README.md").read_text()
    table = text[text.index("## Configuration") :]
    return set(re.findall(r"^\| `([A-Z_]+)`", table, re.M))


def test_the_readmes_table_names_every_setting_and_no_other():
    assert names_in_readme() == names_read()


def test_the_example_file_names_settings_that_exist():
    named = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert named
    assert named <= names_read()


@pytest.mark.slow
def test_collected_files_can_be_read_by_whoever_serves_them(tmp_path):
    """They are often collected by another account than the one the service runs as."""
    done = run("collectstatic", "--noinput", VAR_DIR=str(tmp_path), **PRODUCTION)
    assert done.returncode == 0, done.stdout + done.stderr
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "static").rglob("*") if path.is_file()}
    assert modes["staticfiles.json"] == 0o644
    assert {name for name, mode in modes.items() if mode & 0o444 != 0o444} == set()
