"""What the transcoder writes is the same picture in Chromium as in libjpeg."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from imagemill.domain.options import ImageOptions
from process.codec.compress import compress
from process.codec.transcode.refusal import TRANSCODED
from tests.support.image_files import oriented, photo, saved

SIZE = (320, 240)
SOURCES: dict[str, bytes] = {
    **{
        f"{sampling}{', progressive' * progressive}": saved(
            photo(*SIZE), "JPEG", quality=92, subsampling=sampling, progressive=progressive
        )
        for sampling in ("4:4:4", "4:2:2", "4:2:0")
        for progressive in (False, True)
    },
    "grey": saved(photo(*SIZE, mode="L"), "JPEG", quality=92),
    "restarts": saved(photo(*SIZE), "JPEG", quality=92, restart_marker_rows=1),
    "lying": oriented(photo(*SIZE), 6, "JPEG", quality=92),
}
PIXELS = """async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], {type: 'image/jpeg'}));
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext('2d');
  context.drawImage(picture, 0, 0);
  const {data} = context.getImageData(0, 0, picture.width, picture.height);
  let text = '';
  for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768));
  return [picture.width, picture.height, btoa(text)];
}"""


@pytest.fixture(scope="module")
def seen_in_chromium(browser: Any, stack: Any) -> Any:
    """The pixels of a JPEG as a page of the stack's draws them."""
    page = browser.new_page()
    page.goto(stack.api_url + "/health")

    def pixels(data: bytes) -> Image.Image:
        width, height, text = page.evaluate(PIXELS, base64.b64encode(data).decode())
        return Image.frombytes("RGBA", (width, height), base64.b64decode(text)).convert("RGB")

    yield pixels
    page.close()


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "to progressive"])
@pytest.mark.parametrize("source", SOURCES)
def test_chromium_shows_what_libjpeg_reads(seen_in_chromium: Any, source: str, progressive: bool) -> None:
    made = compress(SOURCES[source], ImageOptions(quality=50, progressive=progressive))
    assert made.way == TRANSCODED

    shown = seen_in_chromium(made.data)
    read = Image.open(io.BytesIO(made.data)).convert("RGB")
    assert shown.size == read.size == (made.width, made.height)
    # Each has its own arithmetic for colours at half size.
    assert max(ImageStat.Stat(ImageChops.difference(shown, read)).mean) < 1
