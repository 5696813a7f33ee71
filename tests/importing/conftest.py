"""Uploads kept apart, and the worker's jobs done on the spot."""

import pytest

from leads import jobs


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def work():
    """Does all waiting jobs, as the worker would."""

    def run():
        while jobs.run_once():
            pass

    return run
