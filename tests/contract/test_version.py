"""The version stands in one place, and the others follow it."""

import re
import tomllib
from pathlib import Path

from imagemill import __version__
from tests.support.account import PROJECT


def test_the_project_has_the_layers_version():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))

    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "imagemill.__version__"}


def test_no_other_file_of_the_code_says_it():
    paths = [path for part in ("functions", "local", "layers", "template.yaml") for path in files(part)]

    assert len(paths) > 100
    assert [path.name for path in paths if __version__ in path.read_text("utf-8")] == ["__init__.py"]


def files(part: str) -> list[Path]:
    root = PROJECT / part
    found = [root] if root.is_file() else sorted(root.rglob("*"))
    return [path for path in found if path.suffix in {".py", ".js", ".html", ".yaml", ".json"}]


def test_the_changelog_has_it():
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")

    assert re.search(rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)
