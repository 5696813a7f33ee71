"""The hand-off pages as people open them: a sales team at work, browsers signed in, posts with and without htmx."""

import pytest

from handoff.models import Rep
from tests.handoff.conftest import defaults, hands, work

__all__ = ["defaults", "hands", "work"]


class Hx:
    """A signed-in browser that asks as htmx does."""

    def __init__(self, client):
        self.client = client

    def get(self, url, data=None):
        return self.client.get(url, data, headers={"HX-Request": "true"})

    def post(self, url, data=None):
        return self.client.post(url, data, headers={"HX-Request": "true"})


@pytest.fixture
def hx(client_of):
    return lambda user: Hx(client_of(user))


@pytest.fixture
def two_reps(work, cast):
    """Otto takes leads too, after Rita."""
    return Rep.objects.create(user=cast.other_rep)
