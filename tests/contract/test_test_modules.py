"""The tests themselves: modules that are read in one go, of which none leans on another."""

import ast

from tests.support.account import PROJECT

MOST_LINES = 300
MODULES = sorted((PROJECT / "tests").rglob("*.py"))
ROOMS = {"unit", "contract", "faults", "e2e"}


def imported(source: str) -> list[str]:
    """The modules of the tests that are imported, by their full names."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return [name for name in names if name.partition(".")[0] == "tests"]


def test_every_module_is_read_in_one_go():
    lengths = {str(path.relative_to(PROJECT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}

    assert lengths
    assert {path: lines for path, lines in lengths.items() if lines >= MOST_LINES} == {}


def test_modules_lean_on_support_alone():
    leaning = {
        str(path.relative_to(PROJECT)): name
        for path in MODULES
        for name in imported(path.read_text(encoding="utf-8"))
        if ROOMS & set(name.split(".")[1:2])
    }

    assert leaning == {}
