"""What a process makes once and keeps: settings, connections, threads. One place to let go of all of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")

_forget: list[Callable[[], None]] = []


def kept(make: Callable[Given, Made]) -> Callable[Given, Made]:
    """Let a function make its value at the first call with the same arguments, positional ones, and keep it."""
    values: dict[Any, Made] = {}

    @wraps(make)
    def keeping(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        if args not in values:
            values[args] = make(*args, **kwargs)
        return values[args]

    def forget_values() -> None:
        while values:
            _, value = values.popitem()
            close = getattr(value, "close", None)
            if callable(close):
                close()

    _forget.append(forget_values)
    return keeping


def forget() -> None:
    """Close and drop all that is kept, the youngest functions' first, so that it is made anew.

    For whoever changes what it was made from: the environment, or the process itself.
    """
    for forget_values in reversed(_forget):
        forget_values()
