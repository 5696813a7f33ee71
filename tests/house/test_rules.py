"""House rules that a reader of the syntax tree can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
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


@cache
def trees() -> list[tuple[str, ast.Module]]:
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text(), str(path))) for path in sources()]


@cache
def _walked() -> list[tuple[str, ast.AST]]:
    return [(name, node) for name, tree in trees() for node in ast.walk(tree)]


def dotted(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for name, node in _walked():
        if isinstance(node, kinds):
            yield f"{name}:{getattr(node, 'lineno', 0)}", node


def test_no_model_signals():
    """Only that of a new connection, which no business rule can hang on."""
    wrong = [
        place
        for place, node in nodes(ast.ImportFrom)
        if node.module in ("django.db.models.signals", "django.dispatch") or (node.module or "").endswith(".signals")
        if node.module not in ("django.test.signals", "django.db.backends.signals")
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


def test_defaults_are_told_by_the_one_clock():
    wrong = [
        place
        for place, node in nodes(ast.Call)
        for keyword in node.keywords
        if keyword.arg == "default" and dotted(keyword.value).endswith(("timezone.now", "datetime.now", "datetime.utcnow"))
    ]
    assert [place for place in wrong if "/migrations/" not in place] == []


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


def constants_of(tree: ast.Module) -> set[str]:
    """Names in capitals that a module sets once, at its top, or takes from another module."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return {name for name in found if name.isupper()}


def is_fixed_sql(node: ast.expr, constants: set[str]) -> bool:
    """Whether this is a text written down in the code, or one that psycopg's `sql` puts together and quotes."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.Name):
        return node.id in constants
    if isinstance(node, ast.IfExp):
        return is_fixed_sql(node.body, constants) and is_fixed_sql(node.orelse, constants)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if ast.unparse(node.func) == "sql.SQL":
            return all(is_fixed_sql(argument, constants) for argument in node.args)
        return node.func.attr == "format" and isinstance(node.func.value, ast.Call) and is_fixed_sql(node.func.value, constants)
    return False


def loose_sql(tree: ast.Module) -> list[int]:
    """The lines that give the database a statement which is not fixed."""
    constants = constants_of(tree)
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)
        of_a_manager = isinstance(node.func, ast.Attribute) and dotted(node.func.value).endswith("objects")
        if name in ("execute", "executemany", "RawSQL", "RunSQL") or (name == "raw" and of_a_manager):
            given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg in ("query", "sql", "raw_query"))]
            if given and not is_fixed_sql(given[0], constants):
                lines.append(node.lineno)
    return lines


def test_sql_is_never_built_from_strings_with_values():
    """What goes to the database is a literal, a constant of the module, or put together by psycopg's `sql`."""
    assert [f"{name}:{line}" for name, tree in trees() for line in loose_sql(tree)] == []


@pytest.mark.parametrize(
    "code",
    [
        "cursor.execute(f'SELECT {name}')",
        "cursor.execute('SELECT ' + name)",
        "cursor.execute('SELECT %s' % name)",
        "cursor.execute('SELECT {}'.format(name))",
        "cursor.execute(statement)",
        "def ask(QUERY):\n    cursor.execute(QUERY)",
        "cursor.executemany(query=f'SELECT {name}')",
        "cursor.execute(sql.SQL(f'SELECT {name}'))",
        "cursor.execute(sql.SQL('SELECT ' + name).format())",
        "Lead.objects.raw(f'SELECT {name}')",
        "rows.annotate(x=RawSQL(f'SELECT {name}', []))",
    ],
)
def test_the_rule_on_sql_sees_a_statement_built_on_the_way(code):
    assert loose_sql(ast.parse(code)) != []


@pytest.mark.parametrize(
    "code",
    [
        "cursor.execute('SELECT ' 'now()')",
        "_ASK = 'SELECT %s'\ncursor.execute(_ASK, [name])",
        "cursor.execute(sql.SQL('SELECT {}').format(sql.Identifier(name)))",
        "converter.raw(row)",
    ],
)
def test_the_rule_on_sql_lets_fixed_statements_pass(code):
    assert loose_sql(ast.parse(code)) == []


@pytest.mark.parametrize("word", ["/tmp/accord", "/".join(("", "work", "main")), "/root/", f"{ROOT}/"])
def test_the_code_names_no_folder_of_somebodys_machine(word):
    assert [str(path.relative_to(ROOT)) for path in sources() if word in path.read_text()] == []


def test_no_process_starts_with_what_few_need():
    """It takes 0.3 s, also by way of openpyxl, and only previews and workbooks need it."""
    start = (
        "import django; django.setup(); import config.urls, sys; "
        "sys.exit(not sys.modules.keys().isdisjoint(('numpy', 'openpyxl', 'phonenumbers.geodata', 'phonenumbers.geodata.data0')))"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", start], check=True, cwd=ROOT)
