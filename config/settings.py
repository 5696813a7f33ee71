"""Every setting of the portal, read from the environment; see the table in the README."""

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import embedded, logs

django_stubs_ext.monkeypatch()  # so that classes like ModelAdmin[Lead] can say what they are about

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env.str("VAR_DIR", default="") or BASE_DIR / "var").resolve()
SECRET_KEY = env.str("SECRET_KEY", default="only-for-development" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. It signs sessions and links: put a long random value into the environment or .env, for example\n"
        "    python -c 'import secrets; print(secrets.token_urlsafe(60))'\n"
        "and keep it. Only a trial, which is a start without DATABASE_URL, makes one of its own."
    )
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
SITE_URL = env.str("SITE_URL", default="http://localhost:8000").rstrip("/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_URL] if SITE_URL.startswith("https://") else [])

# Everything that only makes sense over https follows from the address people use.
SECURE_SSL_REDIRECT = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if SECURE_SSL_REDIRECT else 0
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # whether neighbouring subdomains speak https is not ours to promise
TRUST_PROXY = env.bool("TRUST_PROXY", default=False)
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_AGE = env.int("SESSION_HOURS", default=24 * 14) * 3600
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Cookies know hosts and no ports: two portals on one machine must not sign each other's people out.
if _port := urlsplit(SITE_URL).port:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"sessionid_{_port}", f"csrftoken_{_port}"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "config.apps.AccordConfig",
    "config.apps.AccordAdminConfig",
    "handoff.apps.HandoffConfig",
    "scoring.apps.ScoringConfig",
    "leads.apps.LeadsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_htmx",
    "django_filters",
    "crispy_forms",
    "csp",
    "ninja",
    "django_q",
]

MIDDLEWARE = [
    "config.middleware.RequestLog",
    "config.middleware.HealthFirst",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.filling.WhileFilling",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.PersonsZone",
    "config.middleware.DomainErrors",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, Any] = {"default": env.db_url_config(env.str("DATABASE_URL", default="") or embedded.url(VAR_DIR))}
DATABASES["default"] |= {
    "ENGINE": "django.db.backends.postgresql",
    "CONN_MAX_AGE": 600,
    "CONN_HEALTH_CHECKS": True,
}
_options: dict[str, Any] = DATABASES["default"].setdefault("OPTIONS", {})
if "host" in _options:  # a socket's folder comes as ?host=; Django and its dbshell want it here
    DATABASES["default"]["HOST"] = _options.pop("host")
_options.setdefault("connect_timeout", 5)
_options.setdefault("application_name", "accord")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "leads.User"
AUTHENTICATION_BACKENDS = ["leads.permissions.RoleBackend"]
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
# The zone of the office hours a new portal starts with.
BUSINESS_ZONE = env.str("BUSINESS_ZONE", default="Europe/Berlin")
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
        "OPTIONS": {"file_permissions_mode": 0o644},  # for every account; uploads are for ours alone
    },
}
# The preview's columns, a cache made from the database: files for all processes of a host, computed columns in each.
SCORING_SNAPSHOT_DIR = Path(env.str("SCORING_SNAPSHOT_DIR", default="") or VAR_DIR / "snapshot").resolve()
SCORING_CACHE_MB = env.int("SCORING_CACHE_MB", default=72)
MEDIA_ROOT = VAR_DIR / "uploads"
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
FORMS_URLFIELD_ASSUME_HTTPS = True

CRISPY_ALLOWED_TEMPLATE_PACKS = "accord"
CRISPY_TEMPLATE_PACK = "accord"

vars().update(env.email("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Accord <accord@localhost>")

# Where webhooks may go. Without a word of the operator: by https, to these ports, to public addresses only.
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", default=False)
WEBHOOK_PORTS: list[int] = env.list("WEBHOOK_PORTS", cast=int, default=[443, 8443])
WEBHOOK_ALLOW_NETWORKS: list[str] = env.list("WEBHOOK_ALLOW_NETWORKS", default=[])

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
    }
}

# What this host is called among those that run a worker, and what a monitor has to know to read the figures.
WORKER_HOST = env.str("WORKER_HOST", default="") or socket.gethostname()
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

LOGGING = logs.configuration(env.str("LOG_LEVEL", default="INFO").upper())

# django-q2 carries "do this soon" only, never a deadline: its tasks may run twice and its schedules tick every 30 s.
Q_CLUSTER: dict[str, Any] = {
    "name": "accord",
    "orm": "default",
    "workers": 2,
    "recycle": 500,
    "timeout": 60,
    "retry": 180,
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": -1,
    "bulk": 10,
    "queue_limit": 20,
    "poll": 0.2,
    "guard_cycle": 0.5,
    "catch_up": False,
    "log_level": "WARNING",
    "label": "Background tasks",
}
