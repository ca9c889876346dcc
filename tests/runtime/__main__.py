"""`make local-invoke EVENT=process_products`: an event of events/, or all, in Lambda's runtime, without Docker."""

from __future__ import annotations

import json
import sys

from tests.runtime.bench import Bench
from tests.runtime.runtime import MissingError, emulator_of_lambda, lay_out, python_version
from tests.runtime.seeds import EVENTS


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(EVENTS))
    if unknown:
        print(f"EVENT={unknown[0]}: there are {', '.join(EVENTS)}.")
        return 2
    try:
        emulator_of_lambda()
        lay_out()
    except MissingError as missing:
        print(missing)
        return 2
    failed = 0
    with Bench.open() as bench:
        print(f"Python {python_version()}")
        print(f"{'event':34}{'cold ms':>9}{'peak MB':>9}  answer")
        for name in names:
            done = bench.run(name)
            text = json.dumps(done.answer)
            wrong = bool(done.answer and "errorType" in done.answer)
            failed += wrong
            shown = text if len(names) == 1 else text[:70]
            print(f"{name:34}{done.cold_ms:9.0f}{done.peak_mib:9.0f}  {shown}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or EVENTS))
