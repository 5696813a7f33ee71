"""What tests of a draft's pages share: a criterion, addresses, and how an answer reads."""

import re
from typing import Any

from django.urls import reverse

from tests.scoring.samples import a_test, clause

HTMX = {"HX-Request": "true"}
SIZE = a_test("size", 15, clause("company.employees", "between", low=100), label="Company size")


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())
