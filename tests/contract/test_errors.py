"""Every exception of ours is in the drawing of imagemill/errors.py, under its parent, and none else is."""

import importlib
import re
from collections.abc import Iterator

from imagemill import errors
from imagemill.errors import ImagemillError
from tests.support.account import PROJECT

ROOTS = (PROJECT / "layers" / "core", PROJECT / "functions")
#: `│   └── NotBegunError    functions/process/image.py: …`: what goes before the name tells the depth.
DRAWN = re.compile(r"^((?:[│ ]   )*)(?:[├└]── )?(\w+Error)(?: +([\w/]+\.py):.*| +.*)?$", re.MULTILINE)


def modules() -> Iterator[str]:
    for root in ROOTS:
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__")


def classes(parent: type[Exception], depth: int = 0) -> Iterator[tuple[int, type[Exception]]]:
    for child in parent.__subclasses__():
        if child.__module__.split(".")[0] != "tests":
            yield depth, child
            yield from classes(child, depth + 1)


def test_the_drawing_is_the_tree_of_classes():
    for module in modules():
        importlib.import_module(module)
    drawing = (errors.__doc__ or "").split("```")[1]

    drawn = {(len(indent) // 4, name) for indent, name, _ in DRAWN.findall(drawing) if name != "ImagemillError"}

    assert drawn == {(depth, found.__name__) for depth, found in classes(ImagemillError)}


def test_the_drawing_says_where_the_others_are_defined():
    drawing = (errors.__doc__ or "").split("```")[1]
    places = {name: place for _, name, place in DRAWN.findall(drawing) if place}

    for _, found in classes(ImagemillError):
        module = found.__module__.replace(".", "/")
        assert module == "imagemill/errors" or f"{module}.py".endswith(
            places[found.__name__].removeprefix("functions/")
        )


def test_no_exception_stands_outside_of_the_tree():
    for module in modules():
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module:
                assert issubclass(value, ImagemillError), f"{module}.{name}"
