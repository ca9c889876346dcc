"""Images that are cheap to send and dear to read, each on the embedded stack, with another tenant's products beside it.

Each bomb is in as many products as there are processing functions, so that no worker is spared, and at the same
moment another tenant hands in 20 products of a small picture. A worker that ended, whatever the reason, counts as
killed. Peaks are of resident memory, the interpreter and its libraries included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from local.stack import free_port, running_stack
from tests.support.bombs import BOMBS
from tests.support.further_bombs import FURTHER_BOMBS
from tests.support.image_files import photo, saved
from tests.support.shop import Shop, catalogue
from tests.support.web import Answer, TestWeb

from .job import FUNCTIONS
from .processes import descendants
from .table import Table

PORT = 4_730
NEIGHBOURS = 20
#: What is asked of a bomb beside nothing, where that is what makes it one.
ASKED = {"jpeg_of_45_megapixels": ("", "?format=webp", "?format=avif"), "png_cut_out": ("", "?max_width=7000")}
#: Between two looks at the processes: a codec process that is ended takes its peak with it.
LOOK_SECONDS = 0.05
JOB_SECONDS = 300.0
#: Written to /proc/<pid>/clear_refs it lets the peak begin anew (proc(5)).
RESET_PEAK = "5"
MEBIBYTE = 1 << 20
FUNCTION = "function process"


@dataclass(frozen=True, slots=True)
class Bombed:
    """What became of one bomb: a format, or a code.

    seconds, neighbour_seconds: of its job, and of the other tenant's. attempts: the most of any neighbour.
    """

    name: str
    length: int
    becomes: str
    seconds: float
    codec_bytes: int
    worker_bytes: int
    killed: int
    attempts: int
    neighbour_seconds: float


@dataclass(frozen=True, slots=True)
class _Scene:
    """Two tenants of a running stack, and the origin of both. good: a small picture's URL."""

    bomber: Shop
    other: Shop
    web: TestWeb
    good: str

    def bombed(self, name: str, bomb: bytes, asked: str) -> Bombed:
        url = self.web.route(f"/{name}", Answer(body=bomb))
        with _Watch() as watch:
            bombed = _submitted(self.bomber, [f"{url}?{number}" for number in range(FUNCTIONS)], asked)
            beside = _submitted(self.other, [f"{self.good}?{name}{asked}-{number}" for number in range(NEIGHBOURS)])
            neighbours, job = self.other.ended(beside, JOB_SECONDS), self.bomber.ended(bombed, JOB_SECONDS)
        images = [image for product in self.bomber.products(bombed) for image in product["images"]]
        outcomes = {f"{image['error'] or image['format']} {image.get('reason') or ''}".strip() for image in images}
        return Bombed(
            name + asked,
            len(bomb),
            ", ".join(sorted(outcomes)),
            _seconds(job),
            watch.peak(is_codec=True),
            watch.peak(is_codec=False),
            watch.ended_workers,
            max(product["attempts"] for product in self.other.products(beside)),
            _seconds(neighbours) if neighbours["status"] == "COMPLETED" else float("inf"),
        )


def measure(names: Sequence[str] = ()) -> list[Bombed]:
    """names: of the bombs; none for all."""
    bombs = {**BOMBS, **FURTHER_BOMBS}
    with ExitStack() as stack:
        web = stack.enter_context(TestWeb().serving())
        running = stack.enter_context(running_stack(free_port(PORT)))
        good = web.route("/good.jpg", Answer(body=saved(photo(160, 120), "JPEG", quality=95)))
        scene = _Scene(Shop(running, running.api_key), Shop(running, running.other_api_key), web, good)
        # Functions start, and import what is imported late.
        scene.other.ended(_submitted(scene.other, [f"{good}?first-{number}" for number in range(4 * NEIGHBOURS)]))
        return [scene.bombed(name, bombs[name](), asked) for name in names or bombs for asked in ASKED.get(name, ("",))]


def _submitted(shop: Shop, urls: Sequence[str], asked: str = "") -> str:
    return shop.submit(catalogue([[str(row), "P", url] for row, url in enumerate(urls, 1)]), asked)


def _seconds(job: Mapping[str, Any]) -> float:
    begun, ended = (datetime.fromisoformat(job[name]) for name in ("created_at", "ended_at"))
    return (ended - begun).total_seconds()


class _Watch:
    """Peaks of resident memory of the workers and their codec processes, from its beginning on."""

    def __init__(self) -> None:
        #: By process: whether it is a codec's, and bytes.
        self._peaks: dict[int, tuple[bool, int]] = {}
        self._begun: set[int] = set()
        self._stop = Event()
        self._thread = Thread(target=self._look)

    def __enter__(self) -> _Watch:
        for pid, is_codec in _processes():
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)
            if not is_codec:
                self._begun.add(pid)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def peak(self, *, is_codec: bool) -> int:
        return max((peak for is_one, peak in self._peaks.values() if is_one is is_codec), default=0)

    @property
    def ended_workers(self) -> int:
        return len(self._begun - {pid for pid, _ in _processes()})

    def _look(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for pid, is_codec in _processes():
                _, before = self._peaks.get(pid, (is_codec, 0))
                self._peaks[pid] = is_codec, max(_peak(pid), before)


def _processes() -> Iterator[tuple[int, bool]]:
    """Of the processing functions, and whether each is a codec's."""
    for pid, (role, _) in descendants().items():
        if role == FUNCTION:
            with suppress(OSError):
                yield pid, b"codec_process" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _peak(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def table(measured: Sequence[Bombed]) -> Table:
    return Table(
        "Bombs",
        (
            f"Each in {FUNCTIONS} products, with {NEIGHBOURS} products of another tenant handed in at the same moment.",
            "Seconds from a job's submission to its end. Peaks: resident MiB of a codec process and of a worker.",
        ),
        ["bomb", "kB", "becomes", "s", "codec MiB", "worker MiB", "workers killed", "receives beside", "s beside"],
        [
            [
                one.name,
                f"{one.length / 1_000:,.0f}",
                one.becomes,
                f"{one.seconds:.1f}",
                f"{one.codec_bytes / MEBIBYTE:,.0f}",
                f"{one.worker_bytes / MEBIBYTE:,.0f}",
                str(one.killed),
                str(one.attempts),
                f"{one.neighbour_seconds:.1f}",
            ]
            for one in measured
        ],
    )
