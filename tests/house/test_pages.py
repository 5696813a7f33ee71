"""The nets under all other tests hold: no way out of the machine, no inline code, a list of templates that is the whole list."""

import socket

import pytest
from pytest_socket import SocketConnectBlockedError

from tests.house.watch import inline_code, never_rendered, project_templates


def test_no_test_reaches_the_network():
    with socket.socket() as way_out, pytest.raises(SocketConnectBlockedError):
        way_out.connect(("192.0.2.1", 80))


@pytest.mark.parametrize(
    "html",
    [
        '<p style="color: red">',
        "<style>p {}</style>",
        "<script>alert(1)</script>",
        '<script type="module">alert(1)</script>',
        '<a onclick="go()">',
        '<a href="javascript:go()">',
        '<div hx-on:click="go()">',
    ],
)
def test_inline_code_is_found(html):
    assert inline_code(html)


def test_honest_pages_are_let_through():
    html = (
        '<script src="/a.js" defer></script><script id="d" type="application/json">{}</script><p class="x">style=1 onclick=2</p>'
    )
    assert inline_code(html) == []


def test_the_list_of_templates_is_the_projects():
    names = set(project_templates())
    assert {"admin/base_site.html", "error.html"} <= names
    assert never_rendered(names) == []
    assert never_rendered(set()) == sorted(names)
