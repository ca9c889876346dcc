"""`make corpus`: fetches the packages, runs every file, prints what stands out."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
from collections import Counter
from pathlib import Path

from tests.corpus.comparison import Totals, outliers
from tests.corpus.packages import PACKAGES, fetch, images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".local/corpus"))
    parser.add_argument("--python", type=Path, default=Path(".venv-uv/bin/python"), help="one that has pip")
    parser.add_argument("--every", type=int, default=1, help="only each n-th file")
    parser.add_argument("--from", dest="first", type=int, default=0, help="number of the first file")
    parser.add_argument("--package", help="only this one")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    totals, kinds, reasons, seen = Totals(), Counter[str](), Counter[str](), set[bytes]()
    for package in PACKAGES:
        if arguments.package not in {None, package.name}:
            continue
        try:
            archive = fetch(package, arguments.folder, arguments.python)
        except (subprocess.SubprocessError, StopIteration) as fault:
            print(f"{package.name}: not fetched ({type(fault).__name__})")
            continue
        before = totals.files
        for number, (name, data) in enumerate(images(archive)):
            digest = hashlib.sha256(data).digest()
            if digest in seen or (number - arguments.first) % arguments.every:
                continue
            seen.add(digest)
            for outlier in outliers(f"{package.name}: {name}", data, totals):
                (reasons if outlier.why else kinds)[outlier.why or outlier.kind] += 1
                because = f" ({outlier.why})" if outlier.why else ""
                print(f"  {outlier.name} [{outlier.run}] {outlier.what}{because}", flush=True)
        print(
            f"{package.name} {package.version} ({package.licence}), {package.holds}: {totals.files - before} files",
            flush=True,
        )
    print(f"Explained: {dict(reasons.most_common())}")
    print(f"Not explained: {dict(kinds.most_common())}")
    print(
        f"{totals.files} files, {totals.runs} runs, {totals.refused} refused, {totals.compared} compared with libvips, "
        f"{kinds.total()} outliers not explained, {reasons.total()} explained; "
        f"{totals.larger} of {totals.scaled} larger when only scaled"
    )


if __name__ == "__main__":
    main()
