"""What tests of the codec's processes share."""

import time
from collections.abc import Callable

import pytest

from imagemill.domain.codes import ImageCode
from process.codec.compress import ImageError
from tests.support.image_files import photo, saved

MEGABYTES = 1_000_000
PHOTO = saved(photo(160, 120), "JPEG", quality=95)
FAR = 60.0


def until(seconds: float) -> float:
    return time.monotonic() + seconds


def code_of(call: Callable[[], object]) -> ImageCode:
    with pytest.raises(ImageError) as refused:
        call()
    return refused.value.code
