"""A million images at a thousand workers, simulated second by second: how long, how dear, and what limits it.

Nobody has run this. What is measured: rows that ingest sends a second, images that a worker makes, rows that the report
writes (docs/benchmarks). What AWS documents: how SQS's pollers and a table on demand grow, what a partition of a bucket
takes. What is assumed: that S3 splits a partition under load every five minutes, that origins are as quick as each case
says, that work is spread evenly, and that a worker that is throttled waits, and is paid for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from .cost import IMAGES_PER_PRODUCT, INGEST_ROW_SECONDS, MEMORY_GB, REPORT_ROW_SECONDS, JobShape, per_million_images
from .prices import MILLION, PRICES
from .table import Table

BEGIN, END = "<!-- written by `python -m bench scale` -->", "<!-- until here -->"
IMAGES = MILLION
#: Batches that Lambda takes from a queue at once in the beginning, and how many more each second (300 a minute; Lambda
#: developer guide, "Configuring scaling behavior for SQS event source mappings").
FIRST_POLLERS, POLLERS_A_SECOND = 5, 5
#: Write units of an image: its source, and its third of a result and of a ledger's update for ten products.
UNITS = 1 + (1 + 0.1) / IMAGES_PER_PRODUCT
#: A new table on demand takes 4,000 units a second, then twice its peak within half an hour; 40,000 by default at most
#: (DynamoDB developer guide, "On-demand capacity mode", "Quotas").
NEW_TABLE, DOUBLING_SECONDS, MOST_UNITS = 4_000, 1_800, 40_000
#: A partition of a bucket takes 3,500 PUTs a second (S3 user guide, "Optimizing performance"). A tenant's keys begin
#: in 256 ways, so there may be as many.
PARTITION_PUTS, SPLITTING_SECONDS, MOST_PARTITIONS = 3_500, 300, 256
#: No case takes longer: a week.
MOST_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Case:
    """rate: images a second and worker. origins: images a second that they give together. table: its write units a
    second when the job begins. partitions: of the image bucket, then.
    """

    name: str
    workers: int
    rate: float = 56.8
    origins: float = inf
    table: int = NEW_TABLE
    partitions: int = 1


@dataclass(slots=True)
class Course:
    """made: images, at the end of each second. limits: seconds that each thing was what limited, as they came.

    seconds: until the job has ended.
    """

    case: Case
    made: list[float] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)
    worker_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        return len(self.made) + IMAGES / IMAGES_PER_PRODUCT * REPORT_ROW_SECONDS

    @property
    def fastest(self) -> float:
        return max(later - before for before, later in zip([0.0, *self.made], self.made, strict=False))

    @property
    def dollars(self) -> float:
        calls = per_million_images(JobShape(IMAGES))
        return sum(calls.values()) - calls["Lambda"] + self.worker_seconds * MEMORY_GB["process"] * PRICES["GB-seconds"]


CASES = (
    Case("as deployed, the first job", workers=200),
    Case("1,000 workers, the first job", workers=1_000),
    Case("1,000 workers, table warmed, bucket in use", workers=1_000, table=MOST_UNITS, partitions=16),
    Case("1,000 workers, large images, slow origins", workers=1_000, rate=2.0),
    Case("one shop whose origin gives 100 images/s", workers=200, origins=100.0),
    Case("a new account, 10 functions at once", workers=10),
)


def simulate(case: Case) -> Course:
    """Let the job happen."""
    course = Course(case)
    made, units, partitions = 0.0, float(case.table), case.partitions
    while made < IMAGES and len(course.made) < MOST_SECONDS:
        second = len(course.made)
        if second and second % DOUBLING_SECONDS == 0:
            units = min(MOST_UNITS, 2 * units)
        if second and second % SPLITTING_SECONDS == 0 and "bucket" in course.limits:
            partitions = min(MOST_PARTITIONS, 2 * partitions)
        pollers = FIRST_POLLERS + POLLERS_A_SECOND * second
        arrived = min(IMAGES, (second + 1) / INGEST_ROW_SECONDS * IMAGES_PER_PRODUCT)
        workers = min(case.workers, pollers)
        rates = {
            "ingest": arrived - made,
            "pollers": pollers * case.rate if pollers < case.workers else inf,
            "workers": case.workers * case.rate,
            "origins": case.origins,
            "table": units / UNITS,
            "bucket": float(partitions * PARTITION_PUTS),
        }
        limit = min(rates, key=lambda name: rates[name])
        course.limits[limit] = course.limits.get(limit, 0) + 1
        made = min(IMAGES, made + rates[limit])
        course.made.append(made)
        # One that finds nothing to do ends; one that has to wait is paid for.
        course.worker_seconds += workers if limit != "ingest" else min(workers, rates[limit] / case.rate)
    return course


def courses() -> list[Course]:
    return [simulate(case) for case in CASES]


def table(simulated: Sequence[Course]) -> Table:
    rows = [
        [
            course.case.name,
            _duration(course.seconds),
            f"{course.fastest:,.0f}",
            f"{course.dollars:.2f}",
            ", ".join(f"{name} {_duration(seconds)}" for name, seconds in course.limits.items()),
        ]
        for course in simulated
    ]
    return Table(
        "A million images, simulated",
        [
            "A job of 333,334 products, images of 1.9 MP from quick origins unless it is said otherwise.",
            "Time from the catalogue's arrival to the job's end, dollars of all services.",
            "Limited by: in the order in which each thing came to limit, and how long it did.",
        ],
        ["case", "time", "images/s at most", "$", "limited by"],
        rows,
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3600:.1f} h"


#: The chart's size and margins, and the span of its time axis in minutes: beyond it lines leave.
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, MINUTES = 860, 420, 70, 30, 60, 30
COLOURS = ("#1f5f8b", "#c1462f", "#2f7d4f", "#8a6d1b", "#6a4c93", "#5b5b5b")


def chart(simulated: Sequence[Course]) -> str:
    """Images made over time, as SVG."""
    right, bottom = WIDTH - 20, HEIGHT - BOTTOM

    def place(minute: float, images: float) -> str:
        across = LEFT + (right - LEFT) * minute / MINUTES
        return f"{across:.1f},{bottom - (bottom - TOP) * images / IMAGES:.1f}"

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        "<title>Images made over time, simulated</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for share in range(5):
        across, up = place(0, IMAGES * share / 4).split(",")
        drawn.append(f'<line x1="{across}" x2="{right}" y1="{up}" y2="{up}" stroke="#dddddd"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{up}" text-anchor="end" fill="#333333">{IMAGES * share // 4:,}</text>')
    for minute in range(0, MINUTES + 1, 5):
        across, _ = place(minute, 0).split(",")
        drawn.append(f'<text x="{across}" y="{bottom + 18}" text-anchor="middle" fill="#333333">{minute} min</text>')
    for index, course in enumerate(simulated):
        points = [place(0, 0)]
        points += [
            place((second + 1) / 60, made)
            for second, made in enumerate(course.made[: MINUTES * 60])
            if second % 10 == 9 or second == len(course.made) - 1
        ]
        colour = COLOURS[index]
        drawn.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(points)}"/>')
        column, row = index % 2, index // 2
        legend = f'x="{LEFT + 400 * column}" y="{HEIGHT - 28 + 12 * row}" fill="{colour}"'
        drawn.append(f"<text {legend}>{course.case.name}</text>")
    return "\n".join([*drawn, "</svg>", ""])


def as_markdown(simulated: Sequence[Course]) -> str:
    return table(simulated).as_markdown().replace("## ", "### ", 1)


def write_into(folder: Path, simulated: Sequence[Course]) -> None:
    """Write the table between the marks of scale.md, and the chart beside it."""
    document = folder / "scale.md"
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n\n{as_markdown(simulated)}\n{END}{after}", encoding="utf-8")
    (folder / "scale.svg").write_text(chart(simulated), encoding="utf-8")
