"""The chart: how fast, how small and how good, of one run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image

from .codec import Contender, Encoding, mean_score, of_class, ratio
from .corpus import SizeClass

#: Colours that are told apart with every kind of colour vision (Okabe and Ito, 2008).
COLOURS: Mapping[Contender, str] = {
    Contender.OURS: "#0072B2",
    Contender.NAIVE: "#E69F00",
    Contender.SHARP: "#009E73",
    Contender.FLOOR: "#999999",
}
MARKERS = {"jpeg": "o", "webp": "s", "avif": "D"}
INK, PALE = "#222222", "#666666"
#: Inches and dots per inch: 1,650 × 990 pixels.
SIZE, RESOLUTION = (11, 6.6), 150
#: Colours that the PNG is reduced to, which makes it a third as large.
PALETTE = 128


def draw(encodings: Sequence[Encoding], caption: str, path: Path) -> None:
    """Write the chart as PNG. caption: date, machine and versions."""
    mpl.rcParams |= {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "text.color": INK}
    figure, (speed, quality) = plt.subplots(1, 2, figsize=SIZE, width_ratios=(1.15, 1))
    jpegs = [encoding for encoding in encodings if encoding.format == "jpeg"]
    _draw_speed(speed, jpegs)
    _draw_quality(quality, encodings)
    title = (
        f"JPEG to JPEG at quality 50: {ratio(jpegs, Contender.NAIVE):.2f} times as fast as plain Pillow, "
        f"{ratio(jpegs, Contender.SHARP):.2f} times as fast as sharp"
    )
    figure.suptitle(title, x=0.02, y=0.975, ha="left", fontsize=14, fontweight="bold")
    figure.text(0.02, 0.02, caption, ha="left", va="bottom", fontsize=8, color=PALE)
    figure.tight_layout(rect=(0.005, 0.06, 1, 0.94), w_pad=3)
    figure.savefig(path, dpi=RESOLUTION)
    plt.close(figure)
    with Image.open(path) as chart:
        reduced = chart.convert("RGB").quantize(PALETTE, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


def _speed(encodings: Sequence[Encoding]) -> float:
    """Megapixels a second: the median over the images."""
    return statistics.median(encoding.image.megapixels / encoding.timing.wall for encoding in encodings)


def _draw_speed(axes: Axes, jpegs: Sequence[Encoding]) -> None:
    width = 0.84 / len(COLOURS)
    for index, contender in enumerate(COLOURS):
        speeds = [
            _speed([e for e in of_class(jpegs, size_class) if e.contender is contender]) for size_class in SizeClass
        ]
        places = [group + (index - (len(COLOURS) - 1) / 2) * width for group in range(len(speeds))]
        name = f"{contender}: the floor, larger files" if contender is Contender.FLOOR else contender.value
        bars = axes.bar(places, speeds, width * 0.92, color=COLOURS[contender], label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=7, padding=2, color=PALE)
    axes.set_xticks(range(len(SizeClass)), [f"{size_class} MP" for size_class in SizeClass])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("megapixels a second on one processor")
    axes.set_ylim(top=axes.get_ylim()[1] * 1.24)
    axes.legend(ncols=2, frameon=False, loc="upper left", fontsize=9)
    axes.set_title("Speed", loc="left", fontweight="bold")


def _draw_quality(axes: Axes, encodings: Sequence[Encoding]) -> None:
    """Each format by each contender, as a point: the mean of the images that all formats were measured on."""
    shared = {e.image.path for e in encodings if e.format == "avif" and e.image.size_class is SizeClass.SHOP}
    for image_format, marker in MARKERS.items():
        for contender in (Contender.NAIVE, Contender.SHARP, Contender.OURS):
            some = [
                e for e in encodings if e.image.path in shared and e.format == image_format and e.contender is contender
            ]
            if not some:
                continue
            size = sum(e.bytes for e in some) * 8 / sum(e.image.megapixels * 1e6 for e in some)
            score = mean_score(some) or 0.0
            axes.scatter(
                size, score, s=150, marker=marker, color=COLOURS[contender], alpha=0.85, edgecolor="white", zorder=3
            )
            _label(axes, (size, score), image_format, contender, _speed(some))
    left, right = axes.get_xlim()
    axes.set_xlim(left - 1.15 * (right - left), right + 1.2 * (right - left))
    axes.margins(y=0.2)
    axes.set_xlabel("bits a pixel (less is better)")
    axes.set_ylabel("SSIMULACRA2 (more is better)")
    axes.grid(color="#eeeeee", zorder=0)
    axes.set_title("Size and quality: 2 MP, one photograph and one product", loc="left", fontweight="bold", fontsize=10)


def _label(axes: Axes, point: tuple[float, float], image_format: str, contender: Contender, speed: float) -> None:
    """Beside the point; below one another where several contenders give the very same file."""
    line = (Contender.OURS, Contender.NAIVE, Contender.SHARP).index(contender)
    # Pillow's own AVIF is smaller than ours, sharp's better: their labels have room at their own points.
    is_apart = image_format == "avif" and line > 0
    is_left = is_apart and contender is Contender.NAIVE
    # One above the other: the points of JPEG and WebP are near to each other in quality.
    height = 0 if is_apart else {"jpeg": 26, "webp": 2, "avif": 0}[image_format] - 12 * line
    name = contender.value if line and not is_apart else f"{image_format.upper()} {contender}"
    axes.annotate(
        f"{name} {speed:.0f} MP/s" if speed > 30 else f"{name} {speed:.1f} MP/s",
        point,
        xytext=(-12 if is_left else 12, height),
        textcoords="offset points",
        ha="right" if is_left else "left",
        va="center",
        fontsize=8.5,
        color=COLOURS[contender],
        fontweight="normal" if line else "bold",
    )
