"""Imports run downward only: the floors of docs/architecture.md, held to the imports that there are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.account import PROJECT

CORE, FUNCTIONS = PROJECT / "layers" / "core", PROJECT / "functions"

#: Each floor with those that it may import, the lowest first, named by the module that begins it.
FLOORS = {
    "base": {"base"},
    "imagemill.domain": {"base"},
    "imagemill.adapters.web": {"imagemill.domain", "base"},
    "imagemill.adapters.aws": {"imagemill.domain", "base"},
    "imagemill.adapters.store": {"imagemill.adapters.aws", "imagemill.domain", "base"},
    "imagemill.steps": {"imagemill.adapters.store", "imagemill.adapters.aws", "imagemill.domain", "base"},
}
#: Modules that every floor may import.
BASE = {"imagemill", *(f"imagemill.{name}" for name in ("errors", "kept", "logs", "metrics", "settings"))}


def module_of(path: Path, root: Path) -> str:
    return ".".join(part for part in path.relative_to(root).with_suffix("").parts if part != "__init__")


def modules(root: Path) -> dict[str, Path]:
    return {module_of(path, root): path for path in sorted(root.rglob("*.py"))}


CORE_MODULES, FUNCTION_MODULES = modules(CORE), modules(FUNCTIONS)
ALL = {*CORE_MODULES, *FUNCTION_MODULES}


def imports_of(module: str, path: Path) -> Iterator[str]:
    """Every module of ours that a module imports, wherever in it; those for the type checker alone are passed over."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text("utf-8"))
    for_types = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{source}.{alias.name}" if f"{source}.{alias.name}" in ALL else source for alias in node.names]
        yield from (name for name in names if name in ALL)


def floor_of(module: str) -> str:
    if module in BASE:
        return "base"
    return next(floor for floor in FLOORS if module == floor or module.startswith(f"{floor}."))


@pytest.mark.parametrize("module", sorted(set(CORE_MODULES) - {"imagemill.adapters"}))
def test_the_layer_imports_downward_only(module):
    floor = floor_of(module)

    for imported in imports_of(module, CORE_MODULES[module]):
        assert floor_of(imported) in FLOORS[floor] | {floor}, f"{module} imports {imported}"


@pytest.mark.parametrize("module", sorted(FUNCTION_MODULES))
def test_a_function_imports_the_layer_and_itself(module):
    function = module.split(".")[0]

    for imported in imports_of(module, FUNCTION_MODULES[module]):
        assert imported.split(".")[0] in {"imagemill", function}, f"{module} imports {imported}"
        assert imported != f"{function}.app", f"{module} imports its handler"


@pytest.mark.parametrize("function", sorted({module.split(".")[0] for module in FUNCTION_MODULES}))
def test_modules_of_a_function_do_not_import_in_circles(function):
    own = {name: path for name, path in FUNCTION_MODULES.items() if name.split(".")[0] == function}
    assert_no_circle({name: set(imports_of(name, path)) & set(own) for name, path in own.items()})


def test_modules_of_the_layer_do_not_import_in_circles():
    assert_no_circle({name: set(imports_of(name, path)) & set(CORE_MODULES) for name, path in CORE_MODULES.items()})


def assert_no_circle(graph: dict[str, set[str]]) -> None:
    """Take away what imports nothing that is left, until nothing is left."""
    # A package's own __init__ is loaded before any of its modules, and imports none of them here.
    while graph:
        leaves = {name for name, imported in graph.items() if not imported - {name}}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {name: imported - leaves for name, imported in graph.items() if name not in leaves}


def test_the_document_draws_these_floors():
    text = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
    table = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", text[text.index("## The layers") :], re.MULTILINE))
    names = {floor: f"`{floor.removeprefix('imagemill.').replace('.', '/')}`" for floor in FLOORS if floor != "base"}
    base = {name.removeprefix("imagemill.") for name in BASE - {"imagemill"}}

    assert {name for row in table for name in re.findall(r"`(\w+)`", row)} >= base
    for floor, name in names.items():
        above = {names[other] for other in names if other != floor}
        assert {other for other in above if other in table[name]} == {names[low] for low in FLOORS[floor] - {"base"}}
