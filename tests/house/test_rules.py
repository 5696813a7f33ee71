"""House rules that a reader of the syntax tree can check."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
APPS = ("leads", "scoring", "handoff", "config")
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "services.py", "common.py"}
# The loops that must go on whatever happens; nowhere else may an unknown error be swallowed.
LOOPS = {
    "config/bench/server.py",  # hands it to the caller from a thread
    "config/management/commands/worker.py",
    "handoff/sweep.py",
    "handoff/pipeline.py",
    "handoff/supervisor.py",
    "leads/hooks.py",
    "leads/jobs.py",
    "leads/notify/outbox.py",
}


def sources() -> Iterator[Path]:
    for app in APPS:
        yield from sorted(path for path in (ROOT / app).rglob("*.py"))
    yield ROOT / "manage.py"


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sources():
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(), str(path))


def dotted(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield f"{name}:{getattr(node, 'lineno', 0)}", node


def test_no_model_signals():
    wrong = [
        place
        for place, node in nodes(ast.ImportFrom)
        if node.module in ("django.db.models.signals", "django.dispatch") or (node.module or "").endswith(".signals")
        if node.module != "django.test.signals"
    ]
    assert wrong == []


def test_unknown_errors_are_swallowed_in_the_loops_only():
    wrong = [
        place
        for place, node in nodes(ast.ExceptHandler)
        if node.type is None or dotted(node.type) in ("Exception", "BaseException")
        if not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
        if place.split(":")[0] not in LOOPS
    ]
    assert wrong == []


def test_times_are_set_by_the_one_clock():
    wrong = [
        f"{place} {keyword.arg}"
        for place, node in nodes(ast.Call)
        for keyword in node.keywords
        if keyword.arg in ("auto_now", "auto_now_add", "db_default") and "Now" in ast.unparse(keyword.value) + keyword.arg.title()
    ]
    assert wrong == []


def test_no_naive_datetimes():
    wrong = [
        f"{place} {ast.unparse(node)[:60]}"
        for place, node in nodes(ast.Call)
        if (dotted(node.func).endswith(("datetime.utcnow", "datetime.utcfromtimestamp", "date.today")))
        or (dotted(node.func).endswith("datetime.now") and not node.args and not node.keywords)
        or (
            dotted(node.func) in ("datetime", "datetime.datetime")
            and len(node.args) < 8
            and "tzinfo" not in {k.arg for k in node.keywords}
        )
    ]
    assert wrong == []


def test_no_generic_foreign_keys():
    assert [place for place, node in nodes(ast.Name, ast.Attribute) if dotted(node).endswith("GenericForeignKey")] == []


def test_modules_say_what_they_are():
    assert [str(path) for path in sources() if path.name in FORBIDDEN_NAMES] == []


def test_nothing_is_left_to_do_in_comments():
    pattern = re.compile(r"#.*\b(TODO|FIXME|XXX)\b")
    assert [str(path.relative_to(ROOT)) for path in sources() if pattern.search(path.read_text())] == []


def test_sql_is_never_built_from_strings_with_values():
    """What goes into execute() is a literal or names chosen in code; `%` and `.format` on the spot are refused."""
    wrong = []
    for place, node in nodes(ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("execute", "executemany", "raw") and node.args:
            first = node.args[0]
            formatted = isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mod)
            called = isinstance(first, ast.Call) and isinstance(first.func, ast.Attribute) and first.func.attr == "format"
            if (formatted or (called and "sql" not in ast.unparse(first.func).lower())) and "/migrations/" not in place:
                wrong.append(place)
    assert wrong == []


@pytest.mark.parametrize("word", ["/tmp/accord", "/work/main", "/root/"])
def test_the_code_names_no_folder_of_somebodys_machine(word):
    assert [str(path.relative_to(ROOT)) for path in sources() if word in path.read_text()] == []
