"""`make generated-client`: a client generated from the running stack's OpenAPI document does a job, a 404 and a 422.

The generator is openapi-python-client, in a venv of its own; `program.py` is what uses the client there.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from local.origin import SampleOrigin, catalogue_for
from local.stack import DEFAULT_PORT, PROJECT, free_port, running_stack

VENV = PROJECT / ".venv-generated" / "bin"


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="imagemill-generated-") as folder,
        SampleOrigin() as origin,
        running_stack(free_port(DEFAULT_PORT + 180)) as stack,
    ):
        generate: list[str | Path] = [
            VENV / "openapi-python-client",
            "generate",
            "--url",
            f"{stack.api_url}/openapi.json",
        ]
        generated = Path(folder) / "imagemill_api"
        told = subprocess.run(
            [*generate, "--output-path", generated, "--meta", "none"], capture_output=True, text=True, check=True
        ).stdout
        left_out = [line for line in told.splitlines() if "omitted" in line or "can't be merged" in line]
        if left_out:
            print("The generator leaves out:", *left_out, sep="\n")  # noqa: T201 - a command
            return 1
        catalogue = Path(folder) / "catalogue.csv"
        catalogue.write_bytes(catalogue_for(origin))
        program: list[str | Path] = [
            VENV / "python",
            Path(__file__).with_name("program.py"),
            stack.api_url,
            stack.api_key,
            catalogue,
        ]
        return subprocess.run(program, env={"PYTHONPATH": folder}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
