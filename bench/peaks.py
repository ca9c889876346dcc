"""The peak of memory by decoder and encoder, on the content that they find hardest, against what is estimated.

Each pair has a codec process of its own, with the process function's allocator settings and no limit on memory; its
peak is what it holds at the most beyond what it held before. `docs/benchmarks/peaks.csv` has every pair, and
`tests/unit/process/codec/test_peak.py` holds the estimates to it.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Event, Thread

import pillow_heif
from PIL import Image, ImageDraw

from imagemill.domain.options import ImageOptions, OutputFormat
from process.children import CodecChild
from process.codec.decode import MAX_PIXELS
from process.codec.peak import LEAST_BYTES

from .child import PROJECT, template_malloc
from .table import Table

RESULTS = PROJECT / "docs" / "benchmarks" / "peaks.csv"
WIDTH, HEIGHT = 2_400, 1_600
#: Of an animation, each of a quarter of the pixels.
FRAMES = 12
MEGAPIXELS = WIDTH * HEIGHT / 1e6
ENDLESS_BYTES, ENDLESS_SECONDS = 1 << 40, 600.0
SAMPLE_SECONDS = 0.002
TURNED = 6
COLUMNS = ("decoder", "encoder", "content", "bytes_a_pixel", "data_bytes_a_pixel", "estimated_bytes_a_pixel", "seconds")


@dataclass(frozen=True, slots=True)
class Peak:
    """Bytes a pixel. resident: at the peak; data: of private writable memory, which is what the limit counts."""

    decoder: str
    encoder: str
    content: str
    resident: float
    data: float
    estimated: float
    seconds: float


def noise(mode: str) -> Image.Image:
    """Every channel of its own, alpha too: nothing repeats, nothing is opaque."""
    width, height = WIDTH, HEIGHT
    channels = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (width, height), os.urandom(width * height * channels))


def cut_out(mode: str) -> Image.Image:
    """Soft colours on a transparent ground, as shops show a product."""
    image = Image.radial_gradient("L").resize((WIDTH, HEIGHT))
    soft = Image.merge("RGB", (image, image.transpose(Image.Transpose.ROTATE_180), image)).convert("RGBA")
    soft.putalpha(image.point(lambda value: 255 if value < 128 else 0))
    return soft.convert(mode)


def drawn(mode: str) -> Image.Image:
    """Rings with soft edges, on nothing: lossy, without loss, and with fewer shades are all tried."""
    image = Image.new("RGBA", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(image)
    for number in range(40):
        inset = number * 20
        pen.ellipse(
            (inset, inset, WIDTH - inset, HEIGHT - inset), outline=("teal", "orange", "navy")[number % 3], width=7
        )
    return image.reduce(2).resize((WIDTH, HEIGHT)).convert(mode)


def _heic() -> bytes:
    file = BytesIO()
    pillow_heif.from_pillow(noise("RGB")).save(file, quality=90)
    return file.getvalue()


def _animated(image_format: str, mode: str, **settings: object) -> Callable[[], bytes]:
    def make() -> bytes:
        shots = [noise(mode).resize((WIDTH // 2, HEIGHT // 2)) for _ in range(FRAMES)]
        return _saved(shots[0], image_format, save_all=True, append_images=shots[1:], duration=80, loop=0, **settings)

    return make


def _saved(image: Image.Image, image_format: str, **settings: object) -> bytes:
    file = BytesIO()
    image.save(file, image_format, **settings)
    return file.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    return exif


def _deep() -> Image.Image:
    return Image.frombytes("I;16", (WIDTH, HEIGHT), os.urandom(WIDTH * HEIGHT * 2))


def _indexed() -> bytes:
    image = noise("L").convert("P")
    return _saved(image, "PNG", transparency=bytes(range(256)), compress_level=1)


SOURCES: Mapping[tuple[str, str], Callable[[], bytes]] = {
    ("JPEG", "noise"): lambda: _saved(noise("RGB"), "JPEG", quality=95, subsampling=0),
    ("JPEG grey", "noise"): lambda: _saved(noise("L"), "JPEG", quality=95),
    ("JPEG progressive", "noise"): lambda: _saved(noise("RGB"), "JPEG", quality=80, progressive=True),
    ("JPEG turned", "noise"): lambda: _saved(noise("RGB"), "JPEG", quality=95, exif=_turned()),
    ("JPEG CMYK", "noise"): lambda: _saved(noise("CMYK"), "JPEG", quality=95),
    ("PNG RGB", "noise"): lambda: _saved(noise("RGB"), "PNG", compress_level=1),
    ("PNG RGBA", "noise"): lambda: _saved(noise("RGBA"), "PNG", compress_level=1),
    ("PNG RGBA", "cut-out"): lambda: _saved(cut_out("RGBA"), "PNG", compress_level=1),
    ("PNG RGBA turned", "noise"): lambda: _saved(noise("RGBA"), "PNG", compress_level=1, exif=_turned()),
    ("PNG LA", "noise"): lambda: _saved(noise("LA"), "PNG", compress_level=1),
    ("PNG 16 bits", "noise"): lambda: _saved(_deep(), "PNG", compress_level=1),
    ("PNG indexed", "noise"): _indexed,
    ("WebP RGB", "noise"): lambda: _saved(noise("RGB"), "WEBP", quality=90, method=0),
    ("WebP RGBA", "cut-out"): lambda: _saved(cut_out("RGBA"), "WEBP", quality=90, method=0),
    ("WebP RGBA without loss", "noise"): lambda: _saved(noise("RGBA"), "WEBP", lossless=True, quality=0, method=0),
    ("GIF", "noise"): lambda: _saved(noise("L").convert("P"), "GIF", transparency=3),
    ("TIFF RGB", "noise"): lambda: _saved(noise("RGB"), "TIFF"),
    ("TIFF RGBA deflated", "noise"): lambda: _saved(noise("RGBA"), "TIFF", compression="tiff_adobe_deflate"),
    ("TIFF CMYK", "noise"): lambda: _saved(noise("CMYK"), "TIFF"),
    ("TIFF float", "noise"): lambda: _saved(noise("L").convert("F"), "TIFF"),
    ("BMP", "noise"): lambda: _saved(noise("RGB"), "BMP"),
    ("AVIF RGB", "noise"): lambda: _saved(noise("RGB"), "AVIF", quality=60, speed=10, max_threads=2),
    ("AVIF RGBA", "cut-out"): lambda: _saved(cut_out("RGBA"), "AVIF", quality=60, speed=10, max_threads=2),
    ("HEIC", "noise"): _heic,
    ("PNG RGB", "drawn"): lambda: _saved(drawn("RGB"), "PNG", compress_level=1),
    ("PNG RGBA", "drawn"): lambda: _saved(drawn("RGBA"), "PNG", compress_level=1),
    ("PNG indexed", "drawn"): lambda: _saved(drawn("RGB").quantize(64), "PNG", compress_level=1),
    ("GIF animated", "noise"): _animated("GIF", "RGB"),
    ("PNG animated", "noise"): _animated("PNG", "RGBA", compress_level=1),
    ("WebP animated", "noise"): _animated("WEBP", "RGBA", quality=50, method=0),
}
ENCODERS: Mapping[str, ImageOptions] = {
    "auto": ImageOptions(),
    "auto, scaled": ImageOptions(max_width=WIDTH * 3 // 4),
    "jpeg": ImageOptions(format=OutputFormat.JPEG),
    "webp": ImageOptions(format=OutputFormat.WEBP),
    "avif": ImageOptions(format=OutputFormat.AVIF),
    "original": ImageOptions(format=OutputFormat.ORIGINAL),
    "original, scaled": ImageOptions(format=OutputFormat.ORIGINAL, max_width=WIDTH * 3 // 4),
}


def measure() -> list[Peak]:
    os.environ.update(template_malloc())
    return list(_measured())


def _measured() -> Iterator[Peak]:
    for (decoder, content), make in SOURCES.items():
        data = make()
        for encoder, options in ENCODERS.items():
            yield _peak(data, options, decoder, encoder, content)


def _peak(data: bytes, options: ImageOptions, decoder: str, encoder: str, content: str) -> Peak:
    child = CodecChild()
    try:
        # Whatever is imported late has been by then.
        _ask(child, _saved(Image.new("RGB", (8, 8)), "JPEG"), ImageOptions())
        with _Sampler(child.process_id) as sampler:
            begun = time.monotonic()
            estimated = _ask(child, data, options)
            seconds = time.monotonic() - begun
    finally:
        child.kill()
    pixels = WIDTH * HEIGHT
    if "animated" in decoder and encoder != "jpeg":
        # Estimated as if it had all the frames that an animation may have, but for a PNG.
        pixels = WIDTH * HEIGHT // 4 * FRAMES
        whole = pixels if decoder.startswith("PNG") else MAX_PIXELS
        estimated = LEAST_BYTES + (estimated - LEAST_BYTES) * pixels // whole
    # The file's own bytes are counted beside the estimate.
    resident, grown = ((peak - len(data)) / pixels for peak in sampler.peaks)
    return Peak(decoder, encoder, content, resident, grown, estimated / pixels, seconds)


def _ask(child: CodecChild, data: bytes, options: ImageOptions) -> int:
    child.hand_in(data)
    request = {"options": options.as_dict(), "data_bytes": ENDLESS_BYTES, "cpu_seconds": ENDLESS_SECONDS}
    child.ask(request | {"step": "open", "bytes": len(data), "granted_bytes": 0, "granted_data_bytes": 0})
    opened = child.answer(time.monotonic() + ENDLESS_SECONDS)
    child.ask(opened | request | {"step": "compress"})
    answer = child.answer(time.monotonic() + ENDLESS_SECONDS)
    if "needs_pixels" in answer:
        opened["peak_bytes"] = opened["pixels_bytes"]
        child.ask(opened | request | {"step": "compress"})
        answer = child.answer(time.monotonic() + ENDLESS_SECONDS)
    if "format" not in answer:
        raise RuntimeError(f"not compressed: {answer}")
    return int(opened["peak_bytes"])


class _Sampler:
    """Watches a process. peaks: bytes beyond what it held at the beginning, resident and of private data."""

    def __init__(self, process_id: int) -> None:
        self._status = Path(f"/proc/{process_id}/status")
        self._stop = Event()
        self._thread = Thread(target=self._watch)
        self._begun: tuple[int, ...] = ()
        self._most: tuple[int, ...] = ()

    def __enter__(self) -> _Sampler:
        self._begun = self._most = self._now()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._most = tuple(map(max, self._most, self._now()))
        self._stop.set()
        self._thread.join()

    @property
    def peaks(self) -> tuple[int, int]:
        resident, data = (most - begun for most, begun in zip(self._most, self._begun, strict=True))
        return resident, data

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self._most = tuple(map(max, self._most, self._now()))

    def _now(self) -> tuple[int, ...]:
        fields = dict(line.split(":", 1) for line in self._status.read_text().splitlines())
        return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmHWM", "VmData"))


def measure_and_write() -> list[Peak]:
    peaks = measure()
    write(peaks)
    return peaks


def write(peaks: list[Peak]) -> None:
    with RESULTS.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for peak in peaks:
            figures = (peak.resident, peak.data, peak.estimated, peak.seconds)
            rows.writerow((peak.decoder, peak.encoder, peak.content, *(f"{figure:.1f}" for figure in figures)))


def table(peaks: list[Peak]) -> Table:
    return Table(
        "Peaks of memory",
        (f"By decoder and encoder, {MEGAPIXELS:.1f} MP; bytes a pixel beyond the file's own and a process at rest.",),
        ["decoder", "content", "encoder", "measured", "estimated", "s"],
        [
            [
                peak.decoder,
                peak.content,
                peak.encoder,
                f"{peak.resident:.1f}",
                f"{peak.estimated:.1f}",
                f"{peak.seconds:.1f}",
            ]
            for peak in peaks
        ],
    )
