"""Lists of Setup: each cell says which column it is of, so that a phone shows rows as cards."""

import re

import pytest
from django.utils.safestring import mark_safe

from leads.templatetags.setup import labelled_cells

pytestmark = pytest.mark.django_db


def test_cells_carry_the_name_of_their_column(cast, client_of):
    html = client_of(cast.admin).get("/setup/leads/user/").content.decode()
    row = re.search(r"<tbody>.*?</tr>", html, re.DOTALL)[0]
    labels = re.findall(r'<td data-label="([^"]+)"', row)
    heads = [re.sub("<[^>]+>", "", head).strip() for head in re.findall(r'<div class="text">(.*?)</div>', html, re.DOTALL)]
    assert labels
    assert labels == [head for head in heads if head in labels]
    assert '<td class="action-checkbox"' in row
    assert "<th data-label" not in row


def test_a_header_is_text_and_a_cell_that_is_not_safe_stays_so():
    cells = [mark_safe('<td class="field-a">1</td>'), "<td>2"]
    html = labelled_cells(cells, [{"text": 'the "best" one'}, {"text": "b"}])
    assert html == '<td data-label="The &quot;best&quot; one" class="field-a">1</td>&lt;td&gt;2'
