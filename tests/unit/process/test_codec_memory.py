"""Memory of the codec's processes: granted, foreseen, waited for, bounded, and given back."""

import os

import pytest
from PIL import ExifTags, Image

import process.codec_pool
from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, OutputFormat
from process.budget import MemoryReservation
from process.children import CodecChild
from process.codec.compress import ImageError, compress
from process.codec.transcode.refusal import TRANSCODED
from process.codec_pool import CodecPool
from process.shared_file import WINDOW_BYTES
from tests.support.codec_pools import FAR, MEGABYTES, PHOTO, code_of, until
from tests.support.image_files import photo, saved


def test_an_image_larger_than_all_memory_is_refused_before_it_is_decoded():
    pool = CodecPool(1, 5 * MEGABYTES)

    assert code_of(lambda: pool.compress(PHOTO, ImageOptions(), until(FAR))) is ImageCode.TOO_LARGE_TO_PROCESS
    pool.close()


def test_of_an_image_that_is_too_large_the_largest_that_would_do_is_told_and_does():
    pool = CodecPool(1, 100 * MEGABYTES)
    options = ImageOptions(format=OutputFormat.WEBP)
    large, largest = (saved(Image.new("RGB", (1_000, 1_000 * side)), "PNG") for side in (5, 3))

    with pytest.raises(ImageError) as refused:
        pool.compress(large, options, until(FAR))

    assert (refused.value.code, refused.value.reason) == (ImageCode.TOO_LARGE_TO_PROCESS, "AT_MOST_3_MEGAPIXELS")
    assert pool.compress(largest, options, until(FAR)).height == 3_000
    pool.close()


def test_a_jpeg_that_is_transcoded_needs_no_memory_for_its_pixels():
    large, little = saved(photo(3_000, 3_000), "JPEG", quality=95), 70 * MEGABYTES
    pool = CodecPool(1, little)

    assert pool.compress(large, ImageOptions(), until(FAR)).way == TRANSCODED
    scaled = ImageOptions(max_width=2_900)
    assert code_of(lambda: pool.compress(large, scaled, until(FAR))) is ImageCode.TOO_LARGE_TO_PROCESS
    pool.close()


@pytest.mark.parametrize("is_free", [True, False], ids=["at once", "after waiting"])
def test_a_jpeg_that_was_not_transcoded_gets_the_memory_for_its_pixels(pool, monkeypatch, is_free):
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    # Its last column of blocks is a part of one, and would come to lie on top.
    partial = saved(photo(2_001, 1_000), "JPEG", quality=60, exif=turned)
    asked = []
    take = MemoryReservation.take

    def noted(reservation, amount, deadline=None):
        if deadline is not None and amount > 16 * MEGABYTES:
            asked.append(amount)
            if not is_free and len(asked) == 1:
                raise TimeoutError
        take(reservation, amount, deadline)

    pool._granted = 0
    monkeypatch.setattr(MemoryReservation, "take", noted)
    expected = compress(partial, ImageOptions())

    assert pool.compress(partial, ImageOptions(), until(FAR)) == expected
    assert expected.way not in {TRANSCODED, None}
    assert len(asked) == 2 if is_free else 3
    assert max(asked) == asked[-1] > asked[0]


@pytest.mark.parametrize(("granted", "questions"), [(75, 1), (30, 2), (1, 3)])
def test_an_image_that_takes_no_more_than_is_granted_is_made_without_further_question(
    pool, monkeypatch, granted, questions
):
    """Transcoding takes 25 MB of it, and pixels 42: both at once, the first alone, or neither."""
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    partial = saved(photo(2_001, 1_000), "JPEG", quality=60, exif=turned)
    expected = compress(partial, ImageOptions())
    asked = []
    ask = CodecChild.ask

    def noted(child, request):
        asked.append(request["step"])
        ask(child, request)

    monkeypatch.setattr(CodecChild, "ask", noted)
    pool._granted = granted * MEGABYTES

    assert pool.compress(partial, ImageOptions(), until(FAR)) == expected
    assert asked == ["open", "compress", "compress"][:questions]
    assert pool._memory._free == pool._memory.capacity - pool._idle[0].memory._held


def test_large_images_leave_no_memory_in_the_shared_file(pool):
    large = saved(photo(1_500, 1_500), "PNG", compress_level=1)
    pool.compress(large, ImageOptions(format=OutputFormat.ORIGINAL), until(FAR))
    [held] = pool._idle

    assert len(large) > WINDOW_BYTES
    assert sum(os.fstat(descriptor).st_size for descriptor in held.child._shared.descriptors) == WINDOW_BYTES


def test_a_decoder_that_takes_more_memory_than_was_foreseen_is_told_that_there_is_none(pool, monkeypatch):
    monkeypatch.setattr(process.codec_pool, "CHILD_BYTES", 0)
    monkeypatch.setattr(process.codec_pool, "HEADER_BYTES", 80 * MEGABYTES)
    monkeypatch.setattr(process.codec_pool, "_peak", lambda opened, data: 1)
    large = saved(photo(4_000, 4_000), "JPEG", quality=95)

    through_pixels = ImageOptions(max_width=3_900)

    assert code_of(lambda: pool.compress(large, through_pixels, until(FAR))) is ImageCode.TOO_LARGE_TO_PROCESS
