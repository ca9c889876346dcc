"""`make dev`: the stack, up until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from rich.console import Console

from local.stack import DEFAULT_PORT, StackFailedError, running_stack, stack_file, tenant_of


def main() -> int:
    parser = argparse.ArgumentParser(prog="make dev", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    port = parser.parse_args().port
    console = Console(highlight=False)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with running_stack(port) as stack, stack_file(stack) as path:
            console.print(
                f"[bold]imagemill is up.[/] {path} says how to reach it:\n"
                f"  API          {stack.api_url}\n"
                f"  Console      {stack.api_url}/\n"
                f"  API key      {stack.api_key}\n"
                f"  AWS          {stack.aws_endpoint_url}   (access key and secret: test)\n"
                f"  Drop CSVs at s3://{stack.catalogue_bucket}/inbox/{tenant_of(stack)}/<name>.csv (your key's id)\n"
                "Ctrl-C ends it.",
                soft_wrap=True,
            )
            stopped.wait()
    except StackFailedError as failed:
        console.print(str(failed), style="red", soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
