"""`python -m tests.fuzz.run TARGET [libFuzzer's arguments]`: fuzz one target, in this process."""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    with atheris.instrument_imports(include=["imagemill", "process"]):
        from tests.fuzz.targets import TARGETS, bound_images  # noqa: PLC0415 - instrumented as it is imported

    name = sys.argv.pop(1)
    bound_images()
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
