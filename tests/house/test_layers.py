"""Imports, foreign keys, migrations, templates, URL names and reverse accessors go one way: config, handoff, scoring, leads."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from tests.house.test_rules import dotted, trees
from tests.house.urls import app_of_url_names
from tests.house.watch import project_templates

ROOT = Path(settings.BASE_DIR)
RANK = {"leads": 1, "scoring": 2, "handoff": 3, "config": 4}
URL_TAG = re.compile(r"{%\s*url\s+[\"']([^\"']+)[\"']")
LOADED = re.compile(r"{%\s*(?:include|extends)\s+[\"']([^\"']+)[\"']")


def home(name: str) -> str:
    """The app a path or a dotted name belongs to, or "" when it is nobody's."""
    first = re.split(r"[./]", name)[0]
    return first if first in RANK else ""


def is_upward(source: str, target: str) -> bool:
    return bool(source and target) and RANK[target] > RANK[source]


def test_imports_go_one_way():
    wrong = []
    for name, tree in trees():
        for node in ast.walk(tree):
            targets = []
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}:{node.lineno} imports relatively"
                targets = [node.module or ""]
            wrong += [f"{name}:{node.lineno} imports {target}" for target in targets if is_upward(home(name), home(target))]
    assert wrong == []


def test_foreign_keys_go_one_way():
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.is_relation and field.concrete and field.related_model
        if is_upward(home(model._meta.app_label), home(field.related_model._meta.app_label))
    ]
    assert wrong == []


def test_migrations_depend_one_way():
    loader = MigrationLoader(None)
    wrong = [
        f"{key} depends on {dependency}"
        for key, migration in loader.disk_migrations.items()
        for dependency in migration.dependencies
        if is_upward(home(key[0]), home(dependency[0]))
    ]
    assert wrong == []


def test_templates_load_one_way():
    """A template of an app loads its own, those below and the shared ones; a shared one loads shared ones only."""
    wrong = []
    for name, path in project_templates().items():
        for target in LOADED.findall(path.read_text()):
            if is_upward(home(name), home(target)) or (not home(name) and home(target)):
                wrong.append(f"{name} loads {target}")
    assert wrong == []


def test_templates_name_pages_one_way():
    owners = app_of_url_names()
    wrong = [
        f"{name} links to {target}"
        for name, path in project_templates().items()
        for target in URL_TAG.findall(path.read_text())
        if is_upward(home(name), owners.get(target.removeprefix("admin:"), ""))
    ]
    assert wrong == []


def test_every_url_a_template_names_exists():
    known = set(app_of_url_names())
    wrong = [
        f"{name}: {target}"
        for name, path in project_templates().items()
        for target in URL_TAG.findall(path.read_text())
        if target.startswith("admin:") and target.removeprefix("admin:") not in known
    ]
    assert wrong == []


def test_code_names_pages_one_way():
    owners = app_of_url_names()
    wrong = []
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("admin:"):
                if is_upward(home(name), owners.get(node.value.removeprefix("admin:"), "")):
                    wrong.append(f"{name}:{node.lineno} {node.value}")
    assert wrong == []


def upward_accessors(app: str) -> set[str]:
    """Names by which models of `app` could reach what upper apps hang onto them."""
    names = set()
    for model in apps.get_app_config(app).get_models():
        for relation in model._meta.related_objects:
            if is_upward(app, home(relation.related_model._meta.app_label)) and not relation.hidden:
                names |= {relation.get_accessor_name() or "", relation.name}
    return names - {""}


@pytest.mark.parametrize("app", ["leads", "scoring"])
def test_nobody_looks_up_through_a_reverse_accessor(app):
    names = upward_accessors(app)
    own = {field.name for model in apps.get_app_config(app).get_models() for field in model._meta.get_fields() if field.concrete}
    names -= own
    wrong = []
    for name, tree in trees():
        if home(name) != app:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in names and not dotted(node).startswith("self."):
                wrong.append(f"{name}:{node.lineno} .{node.attr}")
            elif isinstance(node, ast.keyword) and (node.arg or "").split("__")[0] in names and "__" in (node.arg or ""):
                wrong.append(f"{name}:{node.value.lineno} {node.arg}=")
    for name, path in project_templates().items():
        if home(name) == app:
            wrong += [f"{name} .{word}" for word in names if re.search(rf"{{[{{%][^}}]*\.{word}\b", path.read_text())]
    assert wrong == []
