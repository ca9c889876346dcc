"""One file through the codec and through libvips: what differs."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pyvips
from PIL import Image, ImageChops, ImageStat

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import Compressed, ImageError, ImageFormat, compress
from tests.support.private_files import private_parts_of

#: Options that every file is run with.
RUNS = {
    "auto": ImageOptions(quality=80),
    "auto w100": ImageOptions(quality=80, max_width=100),
    "jpeg": ImageOptions(quality=80, format=OutputFormat.JPEG),
    "webp w64": ImageOptions(quality=80, format=OutputFormat.WEBP, max_width=64),
    "original": ImageOptions(quality=80, format=OutputFormat.ORIGINAL),
    "original w90 %": ImageOptions(quality=80, format=OutputFormat.ORIGINAL),
}
#: Mean difference of a channel, of 255, from which two pictures are not the same.
MOST_DIFFERENCE = 14.0
#: Refusals that say nothing of the picture: a format that is not read, and a limit of the contract (A7).
_BY_RULE = {ImageCode.UNSUPPORTED_FORMAT, ImageCode.TOO_MANY_PIXELS}
#: What a picture of one colour takes with its headers, about.
_LEAST_BYTES = {
    ImageFormat.AVIF: 330,
    ImageFormat.GIF: 120,
    ImageFormat.PNG: 75,
    ImageFormat.TIFF: 180,
} | dict.fromkeys((ImageFormat.JPEG, ImageFormat.BMP, ImageFormat.WEBP), 60)
#: Sources of so few bytes have to become coarse where they are scaled; at such sides colour at half the size shows.
_SMALL_BYTES, _SMALL_SIDE = 4_000, 64
#: TIFF 6.0: SampleFormat, two's complement in it, and PlanarConfiguration. PNG: the gamma of sRGB.
_SAMPLE_FORMAT, _SIGNED, _PLANES, _USUAL_GAMMA = 339, 2, 284, 0.45455
#: Sides at which they are compared: what differs then is no matter of filters.
_COMPARED_PIXELS = 32


@dataclass(frozen=True, slots=True)
class Outlier:
    """why: what explains it; empty where nothing does."""

    name: str
    run: str
    what: str
    why: str = ""

    @property
    def kind(self) -> str:
        return self.what.split(":")[0].split(",")[0].rstrip("0123456789. ")


@dataclass(slots=True)
class Totals:
    """refused, compared (with libvips), scaled (nothing else asked), larger (of these): runs."""

    files: int = 0
    runs: int = 0
    compared: int = 0
    scaled: int = 0
    larger: int = 0
    refused: int = 0


def outliers(name: str, data: bytes, totals: Totals) -> Iterator[Outlier]:
    """Run one file with all options."""
    totals.files += 1
    reference = None if _has_a_picture_beside_its_frames(data) else _by_vips(data)
    for run, options in _runs(data).items():
        totals.runs += 1
        try:
            result = compress(data, options)
        except ImageError as fault:
            totals.refused += 1
            if reference is not None and fault.code not in _BY_RULE:
                said = " ".join(filter(None, (fault.code, fault.reason)))
                yield Outlier(name, run, f"refused, {said}; libvips reads it", _why_refused(data))
            continue
        is_scaled = bool(options.max_width) and options.format is not OutputFormat.WEBP and not result.kept
        totals.scaled += is_scaled
        if is_scaled and len(result.data) > len(data):
            totals.larger += 1
            why = "little but headers" if len(data) < _LEAST_BYTES[result.format] else ""
            yield Outlier(name, run, f"larger when scaled: {len(data)} to {len(result.data)} bytes", why)
        for what in _faults(result, reference, options, totals):
            why = _why_different(data, result, is_scaled=is_scaled) if what.startswith("mean difference") else ""
            yield Outlier(name, run, what, why)


def _why_refused(data: bytes) -> str:
    """Why a picture that libvips reads is none to us."""
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
        if isinstance(getattr(image, "tag_v2", {}).get(_PLANES), bytes):
            return "a TIFF's field in a type that is not its own, by which it was forged; libtiff guesses it"
    return ""


def _why_different(data: bytes, result: Compressed, *, is_scaled: bool) -> str:
    """Why a picture that is right may look unlike what libvips sees in the source."""
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
        tags = getattr(image, "tag_v2", {})
        if image.mode in {"I", "F"} or _SIGNED in (tags.get(_SAMPLE_FORMAT) or ()):
            return "deep or signed samples, which libvips cuts off"
        if image.mode == "CMYK" and "icc_profile" not in image.info:
            return "CMYK without a profile, for which libvips takes one of its own"
        if abs(image.info.get("gamma", _USUAL_GAMMA) - _USUAL_GAMMA) > 0.01:
            return "gAMA, which libvips passes over"
    if is_scaled and len(result.data) > len(data) // 2 and len(data) < _SMALL_BYTES:
        return "coarse, to be no larger than a small source"
    with Image.open(io.BytesIO(result.data)) as image:
        is_lossy = result.format in {ImageFormat.JPEG, ImageFormat.AVIF} or b"VP8 " in result.data
        if is_lossy and min(image.size) <= _SMALL_SIDE:
            return "small, with colour at half the size"
    return ""


def _has_a_picture_beside_its_frames(data: bytes) -> bool:
    """An APNG that shows another picture where animations are not known, as in libvips."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            return bool(image.info.get("default_image"))
    except Exception:  # noqa: BLE001 # whatever Pillow cannot read has none
        return False


def _runs(data: bytes) -> dict[str, ImageOptions]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            width = image.width
    except Exception:  # noqa: BLE001 # whatever Pillow cannot read has no width
        return RUNS
    part = max(1, width * 9 // 10)
    return RUNS | {
        "original w90 %": ImageOptions(quality=80, format=OutputFormat.ORIGINAL, max_width=part),
        "auto w90 %": ImageOptions(quality=80, max_width=part),
    }


def _faults(result: Compressed, reference: Image.Image | None, options: ImageOptions, totals: Totals) -> Iterator[str]:
    try:
        private = private_parts_of(result.data)
    except (OSError, SyntaxError, ValueError) as fault:
        yield f"Pillow cannot read what came out, {type(fault).__name__}"
        return
    if private:
        yield f"private: {', '.join(sorted(private))}"
    # The wheel's libvips has no reader of BMP.
    shown = _by_pillow(result.data) if result.format is ImageFormat.BMP else _by_vips(result.data)
    if reference is None:
        return
    if shown is None:
        yield f"libvips cannot read the {result.format} that came out"
        return
    totals.compared += 1
    ratio = min(1.0, (options.max_width or 10**6) / reference.width)
    expected = (max(1, round(reference.width * ratio)), max(1, round(reference.height * ratio)))
    if any(abs(one - other) > 1 for one, other in zip((result.width, result.height), expected, strict=True)):
        yield f"size {result.width}×{result.height}, expected {expected[0]}×{expected[1]}"
        return
    difference = _difference(shown, reference)
    if difference > MOST_DIFFERENCE:
        yield f"mean difference {difference:.1f}"


def _by_vips(data: bytes) -> Image.Image | None:
    """The first frame, upright, in sRGB with alpha, as libvips reads it."""
    try:
        image = pyvips.Image.new_from_buffer(data, "", fail_on="error").autorot()
        if image.get_typeof("icc-profile-data"):
            image = image.icc_transform("srgb", embedded=True, intent="perceptual")
        image = image.colourspace("srgb").cast("uchar")
        if image.bands == 1:
            image = image.bandjoin([image, image])
        if image.bands == 3:
            image = image.bandjoin(255)
        return Image.frombytes("RGBA", (image.width, image.height), image.write_to_memory())
    except (pyvips.Error, ValueError):
        return None


def _by_pillow(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGBA")


def _difference(one: Image.Image, other: Image.Image) -> float:
    """Of the channel that differs most, on white."""
    size = tuple(min(side, _COMPARED_PIXELS) for side in one.size)
    flat = []
    for image in (one, other):
        backdrop = Image.new("RGBA", image.size, "white")
        shown = Image.alpha_composite(backdrop, image).convert("RGB").resize(one.size, Image.Resampling.LANCZOS)
        flat.append(shown.resize(size, Image.Resampling.LANCZOS))
    return max(ImageStat.Stat(ImageChops.difference(*flat)).mean)
