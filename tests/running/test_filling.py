"""The page of the first start, and the mark it reads."""

import pytest
from django.core.management import CommandError
from django.test import Client, override_settings

from config import embedded, filling
from config.management.commands.portal import Portal


@pytest.fixture
def folder(tmp_path):
    with override_settings(VAR_DIR=tmp_path):
        yield tmp_path


@pytest.mark.django_db
def test_every_page_says_how_far_the_year_is_until_it_is_whole(folder):
    filling.note(filling.Progress(0.414, "March 2026"))
    visitor = Client(headers={"host": "localhost"})
    for address in ("/", "/inbox/", "/nothing/"):
        answer = visitor.get(address)
        assert answer.status_code == 503
        assert answer["Retry-After"] == "2"
        assert answer["Cache-Control"] == "no-store"
        assert "March 2026 · 41 %" in answer.text
        assert 'value="41"' in answer.text
        assert "script-src" in answer["Content-Security-Policy"]
    filling.note(filling.Progress(0.9, "<b>May</b>"))
    assert "&lt;b&gt;May&lt;/b&gt; · 90 %" in visitor.get("/").text
    filling.end()
    assert visitor.get("/login/").status_code == 200
    filling.note(filling.Progress(0.1, "January 2026"))  # whoever has seen the end does not look again
    assert visitor.get("/login/").status_code == 200


@pytest.mark.django_db
def test_a_server_started_without_a_mark_never_looks(folder):
    visitor = Client(headers={"host": "localhost"})
    assert visitor.get("/login/").status_code == 200
    filling.note(filling.Progress(0.1, "January 2026"))
    assert visitor.get("/login/").status_code == 200


def test_half_a_year_in_a_named_database_is_left_to_its_owner(folder, monkeypatch):
    dropped = []
    monkeypatch.setattr(embedded, "drop_database", dropped.append)
    filling.note(filling.Progress(0.5, "March 2026"))
    portal = Portal("127.0.0.1", 1, say=lambda words: None)
    with pytest.raises(CommandError, match="--no-demo"):
        portal._forget_half_a_year(True)
    assert filling.progress() is not None
    assert dropped == []
    portal._forget_half_a_year(False)
    assert filling.progress() is None
    assert dropped == []
