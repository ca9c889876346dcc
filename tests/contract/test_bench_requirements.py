"""`make bench` installs what the benchmarks import: CI runs none of them, where a missing package would show."""

import ast
import re
import sys

from tests.support.account import PROJECT

#: Packages that are called otherwise than what is imported from them.
DISTRIBUTIONS = {"PIL": "pillow", "yaml": "pyyaml", "skimage": "scikit-image"}
#: The project's own, and those that Lambda's runtime brings.
OWN = {path.stem for folder in (".", "functions", "layers/core", "client/src") for path in (PROJECT / folder).iterdir()}


def imported() -> set[str]:
    """The packages that modules of bench/ import, wherever in them; but not for types alone."""
    names: set[str] = set()
    for path in (PROJECT / "bench").rglob("*.py"):
        tree = ast.parse(path.read_text())
        typing_alone = {
            node
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
            for node in ast.walk(block)
        }
        for node in ast.walk(tree):
            if node in typing_alone:
                continue
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - OWN


def test_every_package_that_bench_imports_is_among_its_requirements():
    pinned = set(re.findall(r"^([a-z0-9-]+)==", (PROJECT / "requirements/bench.txt").read_text(), re.MULTILINE))
    packages = imported()

    assert {"PIL", "pyvips", "simplejpeg"} <= packages
    assert {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in packages} <= pinned
