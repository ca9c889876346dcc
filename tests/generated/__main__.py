"""`make generated-client`: clients generated from the running stack's OpenAPI document do a job, a 404 and a 422 each.

The generators are openapi-python-client and openapi-generator, in a venv of their own; what uses the clients there are
`by_openapi_python_client.py` and `by_openapi_generator.py`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local.origin import SampleOrigin, catalogue_for
from local.stack import DEFAULT_PORT, PROJECT, Stack, free_port, running_stack

VENV = PROJECT / ".venv-generated" / "bin"
#: What generators say of what they do not take over.
LEFT_OUT = ("omitted", "can't be merged", " ERROR ")
#: By program: how the client is generated. Documentation and tests of it are left to its user.
GENERATORS: dict[str, Sequence[str]] = {
    "by_openapi_python_client.py": [
        *("openapi-python-client", "generate", "--url", "{document}"),
        *("--output-path", "{folder}/imagemill_api", "--meta", "none"),
    ],
    "by_openapi_generator.py": [
        *("openapi-generator-cli", "generate", "-g", "python", "-i", "{document}"),
        *("-o", "{folder}", "--package-name", "imagemill_openapi"),
        *("--global-property", "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"),
    ],
}


def try_out(program: str, stack: Stack, catalogue: Path) -> int:
    """Generate a client, and run what uses it; 0 when all came as it should."""
    with tempfile.TemporaryDirectory(prefix="imagemill-generated-") as folder:
        name, *arguments = GENERATORS[program]
        given = [word.format(document=f"{stack.api_url}/openapi.json", folder=folder) for word in arguments]
        generated = subprocess.run([VENV / name, *given], capture_output=True, text=True, check=True)
        told = (generated.stdout + generated.stderr).splitlines()
        left_out = [line for line in told if any(word in line for word in LEFT_OUT)]
        if left_out:
            print(f"{name} leaves out:", *left_out, sep="\n")  # noqa: T201 - a command
            return 1
        use: list[str | Path] = [
            VENV / "python",
            Path(__file__).with_name(program),
            stack.api_url,
            stack.api_key,
            catalogue,
        ]
        return subprocess.run(use, env={"PYTHONPATH": folder}, check=False).returncode


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="imagemill-catalogue-") as folder,
        SampleOrigin() as origin,
        running_stack(free_port(DEFAULT_PORT + 180)) as stack,
    ):
        catalogue = Path(folder) / "catalogue.csv"
        catalogue.write_bytes(catalogue_for(origin))
        return max([try_out(program, stack, catalogue) for program in GENERATORS])


if __name__ == "__main__":
    sys.exit(main())
