"""Uploads kept apart, and the worker's jobs done on the spot."""

import io

import pytest

from leads import jobs
from leads.importing import actions
from tests.importing.samples import text


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


@pytest.fixture
def ops(cast):
    return cast.marketing_ops


@pytest.fixture
def upload(ops):
    def up(content, kind="leads", name="leads.csv", **more):
        file = content if isinstance(content, io.BytesIO) else text(content)
        return actions.upload(file, name=name, kind=kind, actor=ops, **more)

    return up


@pytest.fixture
def imported(upload, ops, work):
    """Upload, take the guess, import."""

    def run(content, kind="leads", **more):
        given = upload(content, kind, **more)
        actions.start(given, actor=ops)
        work()
        given.refresh_from_db()
        return given

    return run
