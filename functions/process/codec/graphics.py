"""Whether a picture was drawn or photographed, and how a drawn one keeps to few colours."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops

from .colour import unchanged

#: A sample of so many tiles a side, of so many pixels a side: a tenth of a millisecond, whatever the picture's size.
_TILES, _TILE_PIXELS = 3, 40
#: Differences between neighbours, 1 to this of 255, as light and grain make them; pens make none or larger ones.
_SOFT = 12
#: A drawn picture has no more than this share of such neighbours, and no less than that of equal ones.
_SOFT_SHARE, _EQUAL_SHARE = 0.25, 0.4
#: Pixels up to which trying costs less than asking.
_CHEAP_PIXELS = 4_096
#: Qualities up to which shades are rounded to each step, where neighbours differ by as much.
_STEPS = ((60, 32), (85, 8), (95, 4))
#: Opacity from which a pixel of a GIF is not clear.
_HALF = 128
#: Longest side of a frame in the picture that a palette is made from, and how many frames it is made from.
_PALETTE_FRAME_PIXELS, _PALETTE_FRAMES = 128, 16


def looks_drawn(image: Image.Image) -> bool:
    """Whether a picture is likely to become smaller without loss than with it: charts, logos, screenshots."""
    if image.width * image.height <= _CHEAP_PIXELS:
        return True
    sample = _sample(image)
    shifted = ImageChops.offset(sample, 1, 0)
    first, *others = ImageChops.difference(sample, shifted).split()
    for channel in others:
        first = ImageChops.lighter(first, channel)
    counts = first.histogram()
    whole = sum(counts)
    return sum(counts[1 : _SOFT + 1]) <= _SOFT_SHARE * whole and counts[0] >= _EQUAL_SHARE * whole


def _sample(image: Image.Image) -> Image.Image:
    side = _TILES * _TILE_PIXELS
    if image.width <= side or image.height <= side:
        sample = image.crop((0, 0, min(image.width, side * 2), min(image.height, side * 2)))
        return _plain(sample)
    sample = Image.new(_plain(image.crop((0, 0, 1, 1))).mode, (side, side))
    for row in range(_TILES):
        for column in range(_TILES):
            left = (image.width - _TILE_PIXELS) * column // (_TILES - 1)
            top = (image.height - _TILE_PIXELS) * row // (_TILES - 1)
            tile = image.crop((left, top, left + _TILE_PIXELS, top + _TILE_PIXELS))
            sample.paste(_plain(tile), (column * _TILE_PIXELS, row * _TILE_PIXELS))
    return sample


def _plain(image: Image.Image) -> Image.Image:
    """L, RGB, or RGBa, in which all that is clear is equal."""
    if image.mode in {"L", "RGB", "RGBa"}:
        return image
    return unchanged(image).convert("RGBA").convert("RGBa") if image.has_transparency_data else image.convert("RGB")


def softened(image: Image.Image, quality: int) -> Image.Image:
    """RGB or RGBA with fewer shades where shades change, which is where nobody sees it, and exact where they do not.

    After libwebp's near-lossless mode, which Pillow does not offer. quality: as for lossy formats, 1 to 95.
    """
    step = next(step for most, step in _STEPS if quality <= most)
    edges = None
    for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        for channel in ImageChops.difference(image, ImageChops.offset(image, across, down)).split():
            edges = ImageChops.lighter(edges, channel) if edges else channel
    if edges is None:
        return image
    coarse = [min(255, (value + step // 2) // step * step) for value in range(256)]
    rounded = image.point(coarse * len(image.getbands()))
    return Image.composite(rounded, image, edges.point([0] * step + [255] * (256 - step)))


def indexed(image: Image.Image, colours: int) -> Image.Image:
    """The picture in `colours` at most, none of them dithered; alpha in the palette."""
    if image.has_transparency_data:
        return unchanged(image).convert("RGBA").quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    plain = image if image.mode in {"L", "RGB"} else image.convert("RGB")
    return plain.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def sharing_a_palette(frames: Sequence[Image.Image], colours: int) -> tuple[Image.Image, ...]:
    """Frames in `colours` of one palette, none of them dithered, what is more clear than not fully so.

    One palette lets a GIF leave out of a frame what has not changed. frames: RGB or RGBA.
    """
    is_clear = any(frame.mode == "RGBA" for frame in frames)
    palette = _montage(frames).quantize(colours - is_clear, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    clear = colours - 1
    shared = []
    for frame in frames:
        indices = frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
        if is_clear:
            mask = frame.getchannel("A").point([255] * _HALF + [0] * (256 - _HALF)) if frame.mode == "RGBA" else None
            if mask is not None:
                indices.paste(clear, mask=mask)
            indices.info["transparency"] = clear
        shared.append(indices)
    return tuple(shared)


def _montage(frames: Sequence[Image.Image]) -> Image.Image:
    chosen = frames[:: -(-len(frames) // _PALETTE_FRAMES)]
    width, height = frames[0].size
    ratio = min(1.0, _PALETTE_FRAME_PIXELS / max(width, height))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    montage = Image.new("RGB", (size[0], size[1] * len(chosen)))
    for number, frame in enumerate(chosen):
        # The nearest pixels: mixed ones are colours that no frame has.
        montage.paste(frame.convert("RGB").resize(size, Image.Resampling.NEAREST), (0, number * size[1]))
    return montage
