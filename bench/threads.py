"""Threads: how much more two do than one, and what the allocator's settings change.

Images of 1,600 × 1,200, compressed by 1 thread, by 2, and by 24 of which 2 compress at once, as the process
function does it. Each line is a process of its own; they take turns.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from .child import Child, python_child, template_malloc
from .corpus import SizeClass, corpus, shop_images
from .table import Table
from .timing import LONG_REPETITIONS

#: Images of one measurement: about 0.7 s on one thread.
IMAGES = 40
#: Images of 24 megapixels for the peak memory: each of the threads has had two.
LARGE_IMAGES = 48
#: Threads of the process function's pool, and how many of them compress at once on two processors.
POOL_THREADS, AT_ONCE = 24, 2


@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    contender: str
    malloc: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scaling:
    """Medians. Speeds in images/s; cpu: milliseconds an image, one thread and two. peak_bytes: of 24 MP images."""

    setting: Setting
    one: float
    two: float
    pooled: float
    cpu_one: float
    cpu_two: float
    peak_bytes: int

    @property
    def gain(self) -> float:
        return self.two / self.one


def settings() -> list[Setting]:
    template = template_malloc()
    thresholds = {name: value for name, value in template.items() if name != "MALLOC_ARENA_MAX"}
    variants = [
        Setting("imagemill, template.yaml", "ours", template),
        Setting("imagemill, thresholds alone", "ours", thresholds),
        Setting("imagemill, thresholds, 2 arenas", "ours", thresholds | {"MALLOC_ARENA_MAX": "2"}),
        Setting("imagemill, thresholds, 1 arena", "ours", thresholds | {"MALLOC_ARENA_MAX": "1"}),
        Setting("imagemill, glibc's defaults", "ours", {}),
    ]
    distinct = [setting for setting in variants if setting is variants[0] or setting.malloc != template]
    return [
        *distinct,
        Setting("Pillow, template.yaml", "naive", template),
        Setting("Pillow, glibc's defaults", "naive", {}),
    ]


def measure() -> list[Scaling]:
    paths = [str(image.path) for image in shop_images()]
    threads = {"one": ("1", "1"), "two": ("2", "2"), "pooled": (str(POOL_THREADS), str(AT_ONCE))}
    measured: list[Scaling] = []
    with ExitStack() as stack:
        children = {
            (setting.name, how): stack.enter_context(
                python_child("batch", setting.contender, *counts, *paths, environment=setting.malloc)
            )
            for setting in settings()
            for how, counts in threads.items()
        }
        for child in children.values():
            child.ask({"images": IMAGES // 2})
        answers = _in_turns(children)
    for setting in settings():
        one, two, pooled = (_medians(answers[setting.name, how]) for how in threads)
        peak = _peak_of_large(setting)
        measured.append(Scaling(setting, one[0], two[0], pooled[0], one[1], two[1], peak))
    return measured


def _in_turns(children: Mapping[tuple[str, str], Child]) -> dict[tuple[str, str], list[dict[str, float]]]:
    answers: dict[tuple[str, str], list[dict[str, float]]] = {key: [] for key in children}
    for _ in range(LONG_REPETITIONS):
        # In an order of its own each time: what comes after whom makes a tenth.
        for key in random.sample(list(children), len(children)):
            answers[key].append(children[key].ask({"images": IMAGES}))
    return answers


def _medians(answers: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """Images a second, and milliseconds of CPU time an image."""
    speed = statistics.median(IMAGES / answer["seconds"] for answer in answers)
    return speed, statistics.median(answer["cpu_seconds"] for answer in answers) / IMAGES * 1e3


def _peak_of_large(setting: Setting) -> int:
    image = next(image for image in corpus() if image.size_class is SizeClass.CAMERA)
    counts = (str(POOL_THREADS), str(AT_ONCE))
    with python_child("batch", setting.contender, *counts, str(image.path), environment=setting.malloc) as child:
        return int(child.ask({"images": LARGE_IMAGES})["peak_bytes"])


def table(scalings: Sequence[Scaling]) -> Table:
    return Table(
        "Threads",
        (
            f"Images of 1.9 MP a second, medians of {LONG_REPETITIONS} repetitions of {IMAGES} images, taken in turns.",
            f"Pooled: {POOL_THREADS} threads of which {AT_ONCE} compress at once, as in the process function.",
            f"Peak: resident memory of the pooled form after {LARGE_IMAGES} images of 24 MP.",
        ),
        ["process", "1 thread", "2 threads", "gain", "pooled", "CPU ms, 1", "CPU ms, 2", "24 MP pooled, peak MiB"],
        [
            [
                scaling.setting.name,
                f"{scaling.one:.1f}",
                f"{scaling.two:.1f}",
                f"{scaling.gain:.2f} ×",
                f"{scaling.pooled:.1f}",
                f"{scaling.cpu_one:.1f}",
                f"{scaling.cpu_two:.1f}",
                f"{scaling.peak_bytes / 2**20:,.0f}",
            ]
            for scaling in scalings
        ],
    )
