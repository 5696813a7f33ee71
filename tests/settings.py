"""The portal's settings as the tests see them: a server of their own, mail kept in memory, a cheap password hash."""

import os
from pathlib import Path

from config import embedded

ROOT = Path(__file__).resolve().parent.parent
# Test processes inherit the address the first one worked out; the mark tells it from one that a person gave.
MARK = "ACCORD_TESTS_ON_EMBEDDED"
EMBEDDED_FOLDER = ROOT / "var" / "test" if "DATABASE_URL" not in os.environ or MARK in os.environ else None
if EMBEDDED_FOLDER:
    os.environ["DATABASE_URL"] = embedded.url(EMBEDDED_FOLDER)
    os.environ[MARK] = "1"
os.environ.setdefault("VAR_DIR", str(ROOT / "var" / "test"))
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 50)
os.environ.setdefault("EMAIL_URL", "memorymail://")
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("SITE_URL", "http://testserver")

from config.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE = [name for name in MIDDLEWARE if "whitenoise" not in name]  # noqa: F405 - serves what collectstatic made
