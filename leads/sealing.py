"""Secrets the portal has to use again are stored sealed: a copy of the database alone does not give them away.

They open with SECRET_KEY, or with one of SECRET_KEY_FALLBACKS while a key is being changed.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(ValueError):
    """Sealed under a key that this portal does not have."""


def seal(text: str) -> str:
    """The text, encrypted and authenticated; never the same twice."""
    return _box(*_keys()).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text again; `Unreadable` when SECRET_KEY is another one by now."""
    try:
        return _box(*_keys()).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable("It was stored under another SECRET_KEY and cannot be read. Enter it again.") from error


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _box(*keys: str) -> MultiFernet:
    """SECRET_KEY is long and random, so one hash makes a key of it that serves nothing else."""
    return MultiFernet([Fernet(urlsafe_b64encode(sha256(b"accord.sealing:" + key.encode()).digest())) for key in keys])
