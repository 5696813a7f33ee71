"""The portal's settings with one more page, an empty one to measure others against, and with each request's cost in its answer."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "config.bench.urls"
SECURE_SSL_REDIRECT = False
SESSION_COOKIE_SECURE = False
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405
MIDDLEWARE = ["config.bench.timing.ServerTime", *MIDDLEWARE]  # noqa: F405
