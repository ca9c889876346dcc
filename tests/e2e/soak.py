"""A soak: for minutes, jobs of all kinds at once in a storm, each audited from outside when it has ended.

`python -m tests.e2e.soak --minutes 10` mixes catalogues of a stormy origin, files that are dear to read, origins that
hang, forms that are used twice and pictures that take long, while functions are killed and messages duplicated. What
may fail is known for each image; what is done has to show the picture that its URL names.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any

from local.stack import DEFAULT_PORT, free_port, running_stack
from tests.support.bombs import BOMBS, CODES
from tests.support.coloured import coloured, shows
from tests.support.forms import announce, send
from tests.support.further_bombs import FURTHER_BOMBS
from tests.support.image_files import photo, saved
from tests.support.shop import Shop, assert_exact, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb

from .chaos import EXCUSES, PATIENT, Storm, SubmittedJob, Tally, listed
from .conftest import PARAMETERS

#: An origin that hangs is given up in seconds, three times.
IMPATIENT = {"ImageTimeoutSeconds": "6"}
#: Dear to read, and yet made: or refused, by what the machine has.
DEAR = ("gif_of_frames", "jpeg_of_costly_scans", "jpeg_of_views", "webp_of_wide_frames", "avif_of_tiles", "bmp_of_runs")
REFUSALS = {"TOO_LARGE_TO_PROCESS", "PROCESSING_TIMEOUT", "PROCESSING_CRASHED"}
#: When a form is used again, in seconds after the first time; None for when the job has ended.
MOMENTS = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0, None)
#: How many of the soak's threads submit, wait and audit at once.
SHOPPERS = 6
JOB_SECONDS = 420.0


@dataclass
class Audit:
    """What the jobs came to. moments: when forms were used again. wrong: what should not be."""

    jobs: Counter[str] = field(default_factory=Counter)
    products: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image of a catalogue. name: in its URL. is_coloured: whether it shows its name. may: the codes it may have."""

    url: str
    name: str
    may: frozenset[str]
    is_coloured: bool = True


class Soak:
    """Two tenants, an origin in a storm, one that hangs, and one that serves what is hostile or large."""

    def __init__(self, shops: Sequence[Shop], stormy: TestWeb, hanging: TestWeb, hostile: TestWeb, seed: int) -> None:
        self.shops = shops
        self.audit = Audit()
        self.tally = Tally()
        #: Of default options: the storm sends their messages once more.
        self.stormy_jobs: list[SubmittedJob] = []
        self.storm = Storm(seed, self.stormy_jobs, self.tally)
        self.over = threading.Event()
        self._hanging = hanging
        self._moments = cycle(MOMENTS)
        self._bombs = {name: {**BOMBS, **FURTHER_BOMBS}[name]() for name in (*CODES, *DEAR)}
        self._stormy_url = stormy.route("/c.jpg", self._weathered)
        self._calm_url = hostile.route("/c.jpg", lambda request: Answer(body=coloured(_name(request.path))))
        self._hanging_url = hanging.route("/h.jpg", self._hang)
        self._large_url = hostile.route("/l.jpg", Answer(body=saved(photo(6_000, 4_000), "JPEG", quality=80)))
        self._bomb_urls = {name: hostile.route(f"/{name}", Answer(body=bomb)) for name, bomb in self._bombs.items()}
        self._hook = hostile.route("/hook", Answer(204))
        self._hooks = hostile

    def shopper(self, number: int, until: float) -> None:
        """Hand in, wait and audit, again and again."""
        random, kinds = Random(number), (self._good, self._good, self._bombed, self._hung, self._twice, self._large)
        turn = number
        while time.monotonic() < until:
            kind = kinds[turn % len(kinds)]
            turn += 1
            name = f"{kind.__name__.strip('_')}-{number}-{turn}"
            try:
                kind(name, random.choice(self.shops), random)
                with self.audit.lock:
                    self.audit.jobs[kind.__name__.strip("_")] += 1
            except Exception as fault:  # noqa: BLE001 - counted as wrong, and told
                with self.audit.lock:
                    self.audit.wrong.append(f"{name}: {type(fault).__name__}: {fault}")

    # ---- kinds of jobs

    def _good(self, name: str, shop: Shop, random: Random) -> None:
        wanted = [self._coloured(f"{name}-{row}", self._stormy_url, random.randint(1, 3)) for row in range(60)]
        job_id = self._submit(shop, wanted, f"?webhook_url={self._hook}")
        self.stormy_jobs.append(SubmittedJob(shop, job_id, [[image.url for image in of_row] for of_row in wanted]))
        self._check(shop, job_id, wanted)
        told = eventually(lambda: self._webhook_ids(job_id), f"{name}: the webhook is told")
        assert len(told) == 1

    def _bombed(self, name: str, shop: Shop, random: Random) -> None:
        names = random.sample(sorted(self._bombs), 5)
        wanted = [self._coloured(f"{name}-{row}", self._calm_url, 2) for row in range(5)]
        for bomb, of_row in zip(names, wanted, strict=True):
            may = frozenset({CODES[bomb], "PROCESSING_CRASHED"} if bomb in CODES else REFUSALS)
            of_row.append(Wanted(f"{self._bomb_urls[bomb]}?{name}", bomb, may, is_coloured=False))
        self._check(shop, self._submit(shop, wanted), wanted)

    def _hung(self, name: str, shop: Shop, _: Random) -> None:
        wanted = [self._coloured(f"{name}-{row}", self._calm_url, 1) for row in range(10)]
        may = frozenset({"TIMEOUT", "PROCESSING_CRASHED"})
        for row, of_row in enumerate(wanted):
            hung = f"{name}-{row}-hangs"
            of_row.append(Wanted(f"{self._hanging_url}?{hung}", hung, may, is_coloured=False))
        self._check(shop, self._submit(shop, wanted), wanted)

    def _twice(self, name: str, shop: Shop, random: Random) -> None:
        wanted, others = (
            [self._coloured(f"{name}-{which}-{row}", self._calm_url, 1) for row in range(30)] for which in ("a", "b")
        )
        with self.audit.lock:
            moment = next(self._moments)
            self.audit.moments[str(moment)] += 1
        announced = announce(shop)
        job_id, upload = announced["job_id"], announced["upload"]
        assert send(shop, upload, _csv(wanted, "A")).status == 204
        second = _csv(others[: random.choice((10, 30))], "B")
        if moment is not None:
            time.sleep(moment)
            assert send(shop, upload, second).status == 204
        self._check(shop, job_id, wanted)
        if moment is None:
            assert send(shop, upload, second).status == 204
            time.sleep(1)
            self._check(shop, job_id, wanted)

    def _large(self, name: str, shop: Shop, _: Random) -> None:
        may = frozenset({"PROCESSING_CRASHED"})
        wanted = [[Wanted(f"{self._large_url}?{name}-{image}", "", may, is_coloured=False) for image in range(4)]]
        self._check(shop, self._submit(shop, wanted, "?format=avif"), wanted)

    # ---- what origins answer

    def _weathered(self, request: Request) -> Answer:
        return self.storm.serve(request, coloured(_name(request.path)))

    def _hang(self, _: Request) -> Answer:
        self.over.wait(60)
        return Answer(503)

    # ---- handing in, and looking

    def _coloured(self, name: str, url: str, images: int) -> list[Wanted]:
        names = [f"{name}-{image}" for image in range(images)]
        may = frozenset(EXCUSES if url == self._stormy_url else {"PROCESSING_CRASHED"})
        return [Wanted(f"{url}?{one}", one, may) for one in names]

    def _submit(self, shop: Shop, wanted: Sequence[Sequence[Wanted]], asked: str = "") -> str:
        return shop.submit(_csv(wanted, "A"), asked)

    def _webhook_ids(self, job_id: str) -> set[str]:
        told = self._hooks.asked_for("/hook")
        return {request.headers["webhook-id"] for request in told if job_id.encode() in request.body}

    def _check(self, shop: Shop, job_id: str, wanted: Sequence[Sequence[Wanted]]) -> None:
        """Counts exact, every row once and its own, every picture the right one, every failure one that may be."""
        job = shop.ended(job_id, JOB_SECONDS)
        assert_exact(shop, job)
        products = shop.products(job_id)
        assert [product["name"] for product in products] == [f"A{row}" for row in range(1, len(wanted) + 1)]
        for product, of_row in zip(products, wanted, strict=True):
            assert [image["input_url"] for image in product["images"]] == [image.url for image in of_row]
            for image, wish in zip(product["images"], of_row, strict=True):
                self._check_image(shop, image, wish)
        with self.audit.lock:
            self.audit.products.update(product["status"] for product in products)
            self.audit.images.update(image["error"] or "done" for product in products for image in product["images"])

    def _check_image(self, shop: Shop, image: Mapping[str, Any], wish: Wanted) -> None:
        if image["error"]:
            assert image["error"] in wish.may, f"{wish.url}: {image['error']}"
            if image["error"] == "TIMEOUT" and wish.url.startswith(self._hanging.url):
                assert any(wish.name in request.path for request in list(self._hanging.requests)), f"not tried: {wish}"
            return
        key = image["output_url"].rsplit("/images/", 1)[1]
        stored = shop.aws("s3").get_object(Bucket=shop.stack.image_bucket, Key=f"images/{key}")["Body"].read()
        assert hashlib.sha256(stored).hexdigest() == image["sha256"], f"{wish.url}: another object"
        assert not wish.is_coloured or shows(wish.name, stored), f"{wish.url}: another picture"


def _name(path: str) -> str:
    return path.partition("?")[2]


def _csv(wanted: Sequence[Sequence[Wanted]], name: str) -> bytes:
    rows = enumerate(wanted, 1)
    return catalogue([[str(row), f"{name}{row}", ",".join(image.url for image in of_row)] for row, of_row in rows])


def soak(shops: Sequence[Shop], webs: Sequence[TestWeb], seed: int, seconds: float) -> Soak:
    stormy, hanging, hostile = webs
    running = Soak(shops, stormy, hanging, hostile, seed)
    until = time.monotonic() + seconds
    with ExitStack() as stack:
        stack.callback(running.over.set)
        # The storm needs a job to duplicate.
        running.shopper(0, time.monotonic() + 0.1)
        with ThreadPoolExecutor(SHOPPERS) as shoppers:
            numbers = range(1, SHOPPERS + 1)
            with running.storm.blowing():
                under_way = [shoppers.submit(running.shopper, number, until) for number in numbers]
                wait(under_way, seconds)
            # Calm, and what is under way comes to its end.
    # Late duplicates may have found all done: nothing has changed.
    for job in running.stormy_jobs:
        try:
            assert_exact(job.shop, job.shop.get(f"/jobs/{job.job_id}"))
        except AssertionError as fault:
            running.audit.wrong.append(f"{job.job_id}, looked at again: {fault}")
    return running


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        begun = time.monotonic()
        webs = [stack.enter_context(TestWeb().serving()) for _ in range(3)]
        running = stack.enter_context(running_stack(free_port(DEFAULT_PORT + 310), PARAMETERS | PATIENT | IMPATIENT))
        shops = [Shop(running, running.api_key), Shop(running, running.other_api_key)]
        soaked = soak(shops, webs, arguments.seed, 60 * arguments.minutes)
        audit, tally = soaked.audit, soaked.tally
        lines = [
            f"{time.monotonic() - begun:.0f} s, seed {arguments.seed}",
            f"jobs: {listed(audit.jobs)}",
            f"forms used again, by seconds: {listed(audit.moments)}",
            f"products: {listed(audit.products)}",
            f"images: {listed(audit.images)}",
            f"killed: {listed(tally.kills)}",
            f"duplicated: {listed(tally.duplicates)}",
            f"answers of the stormy origin at fault: {listed(tally.origin_faults)}",
            f"wrong or lost: {len(audit.wrong)}",
            *audit.wrong,
        ]
        print("\n".join(lines), flush=True)  # noqa: T201 - what the command is for
    sys.exit(bool(audit.wrong))


if __name__ == "__main__":
    main()
