"""`make dev`: the stack, up until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
from pathlib import Path
from urllib.request import urlopen

from rich.console import Console

from local.origin import CATALOGUE_ADDRESS, IMAGES, SampleOrigin
from local.origin import DEFAULT_PORT as DEFAULT_SHOP_PORT
from local.stack import DEFAULT_PORT, LOCAL, Stack, StackFailedError, answers, running_stack, tenant_of
from local.stack_files import stack_file

#: How often it is looked whether the stack is still there, in seconds, and how often it may be missed.
LOOK_SECONDS, MISSED_LOOKS = 1.0, 3


def introduction(stack: Stack, path: Path, shop: SampleOrigin) -> str:
    """What whoever started the stack wants to know, and four lines to try: each stands by itself."""
    command = "imagemill submit --profile local"
    if path.name != "stack.json":  # that profile is the other stack
        command = f"IMAGEMILL_URL={stack.api_url} IMAGEMILL_KEY={stack.api_key} imagemill submit"
    inbox = f"s3://{stack.catalogue_bucket}/inbox/{tenant_of(stack)}/catalogue.csv"
    signed = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1"
    lines = [
        f"imagemill is up. {path} says how to reach it:",
        f"  API      {stack.api_url}",
        f"  API key  {stack.api_key}",
        f"  AWS      {stack.aws_endpoint_url}   (access key and secret: test)",
        "Try:",
        f"  open {stack.aws_endpoint_url}/   # the console; drop samples/catalogue.csv into it",
        f"  {command} samples/catalogue.csv --wait --download out/   # make client",
        f"  curl -s -H 'x-api-key: {stack.api_key}' -F file=@samples/catalogue.csv {stack.api_url}/jobs",
        f"  {signed} aws --endpoint-url {stack.aws_endpoint_url} s3 cp samples/catalogue.csv {inbox}",
    ]
    if not serves_samples(shop):
        lines.append(f"Port {DEFAULT_SHOP_PORT} is taken, where samples/catalogue.csv has its images: they will fail.")
    return "\n".join([*lines, "Ctrl-C ends it."])


def serves_samples(shop: SampleOrigin) -> bool:
    """Whether the catalogue's address serves the samples: by this shop, or by that of another stack."""
    if shop.url == CATALOGUE_ADDRESS:
        return True
    sample = next(path for path in IMAGES.iterdir() if path.suffix == ".jpg")
    try:
        with urlopen(f"{CATALOGUE_ADDRESS}/images/{sample.name}", timeout=2) as answer:  # noqa: S310 - this machine
            return bool(answer.read() == sample.read_bytes())
    except OSError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="make dev", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    port = parser.parse_args().port
    console = Console(highlight=False)
    # A pipe: its writing may interrupt itself, which an Event's `set` may not.
    told, tell = os.pipe()
    is_starting = True

    def end(*_: object) -> None:
        """Interrupt the start, once: what it has begun is ended by the statements that began it."""
        nonlocal is_starting
        os.write(tell, b".")
        if is_starting:
            is_starting = False
            raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    try:
        with SampleOrigin() as shop, running_stack(port) as stack, stack_file(stack) as path:
            is_starting = False
            console.print(introduction(stack, path, shop), soft_wrap=True, markup=False)
            _watch(stack, told)
    except KeyboardInterrupt:
        return 0
    except StackFailedError as failed:
        console.print(str(failed), style="red", soft_wrap=True)
        return 1
    return 0


def _watch(stack: Stack, told: int) -> None:
    """Return when there is something to be read from `told`. Raises StackFailedError when the stack has gone."""
    missed = 0
    while not select.select([told], [], [], LOOK_SECONDS)[0]:
        missed = 0 if answers(stack.aws_endpoint_url) else missed + 1
        if missed == MISSED_LOOKS:
            raise StackFailedError(
                f"The emulated AWS at {stack.aws_endpoint_url} has ended by itself. "
                f"Its log is in {LOCAL}; start it again."
            )


if __name__ == "__main__":
    sys.exit(main())
