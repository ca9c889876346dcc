"""Files come whole or not at all, and what is there is not fetched again."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill_client import Client, DownloadError, Job
from imagemill_client.file_names import FileNames
from tests.support.small_mill import CUT, DROP, KEY, OUTPUT, SmallMill, image_bytes, one_in_ten, pauses_of, small_mill


def job_of(mill: SmallMill) -> Job:
    client = Client(mill.url, KEY)
    pauses_of(client.transport)
    return client.job(mill.make_job("a.csv")["job_id"])


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "images").iterdir()}


def expected(mill: SmallMill) -> dict[str, str]:
    return {f"{p['serial']}-1.jpg": p["images"][0]["sha256"] for p in mill.products()}


@pytest.mark.parametrize("kind", [DROP, CUT, (503, {}), (429, {"retry-after": "0"})], ids=str)
def test_all_files_are_whole_over_a_line_that_fails_one_in_ten(tmp_path, kind):
    with small_mill(serials=tuple(map(str, range(1, 41))), fault=one_in_ten(kind)) as mill:
        result = job_of(mill).download(tmp_path)

    assert digests(tmp_path) == expected(mill)
    assert (tmp_path / "output.csv").read_bytes() == OUTPUT
    assert json.loads((tmp_path / "job.json").read_text())["filename"] == "a.csv"
    assert (result.fetched, result.kept, result.failed) == (41, 0, [])
    assert [path.name for path in tmp_path.rglob(".*")] == []


def test_a_file_that_was_cut_is_gone_on_with(tmp_path):
    cuts = iter([CUT])
    with small_mill(fault=lambda _n, line: next(cuts, None) if line == "GET /images/2.jpg" else None) as mill:
        job_of(mill).download(tmp_path)

    assert mill.ranges == [f"bytes={len(image_bytes('')) // 2}-"]
    assert digests(tmp_path) == expected(mill)


def test_what_an_earlier_process_left_is_gone_on_with(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / ".1-1.jpg.part").write_bytes(image_bytes("/images/1.jpg")[:1000])
    (tmp_path / "images" / ".2-1.jpg.part").write_bytes(b"of another picture" * 50)
    (tmp_path / "images" / ".3-1.jpg.part").write_bytes(image_bytes("/images/3.jpg"))
    with small_mill() as mill:
        job_of(mill).download(tmp_path)

    assert digests(tmp_path) == expected(mill)
    assert "bytes=1000-" in mill.ranges


def test_what_is_there_is_not_fetched_again_but_what_differs_is(tmp_path):
    with small_mill() as mill:
        job = job_of(mill)
        job.download(tmp_path)
        (tmp_path / "images" / "2-1.jpg").write_bytes(b"spoilt")
        mill.seen.clear()
        result = job.download(tmp_path)

    assert [line for line in mill.seen if "/images/" in line] == ["GET /images/2.jpg"]
    assert (result.fetched, result.kept) == (2, 2)
    assert digests(tmp_path) == expected(mill)


def test_bytes_that_are_not_those_stored_never_get_the_name(tmp_path):
    with small_mill(wrong_images={"/images/2.jpg"}) as mill, pytest.raises(DownloadError, match=r"1 of 4.*SHA-256"):
        job_of(mill).download(tmp_path)

    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["1-1.jpg", "3-1.jpg"]


def test_an_image_that_is_gone_does_not_stop_the_others(tmp_path):
    message = r"1-1.jpg: it is no longer there \(HTTP 404\)"
    faults: dict[str, Any] = {"GET /images/1.jpg": (404, {})}
    with (
        small_mill(fault=lambda _n, line: faults.get(line)) as mill,
        pytest.raises(DownloadError, match=message),
    ):
        job_of(mill).download(tmp_path)

    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["2-1.jpg", "3-1.jpg"]


def test_a_zip_holds_all_and_leaves_nothing_else(tmp_path):
    with small_mill() as mill:
        job = job_of(mill)
        result = job.download(tmp_path, as_zip=True)

    assert [path.name for path in tmp_path.iterdir()] == [f"{job.id}.zip"]
    with zipfile.ZipFile(result.path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["images/1-1.jpg", "images/2-1.jpg", "images/3-1.jpg", "job.json", "output.csv"]


def product(row: int, serial: str, positions: tuple[int, ...] = (1,)) -> dict[str, Any]:
    url = "http://images.example/a.JPG?x=.png"
    return {"row": row, "serial": serial, "images": [{"position": n, "output_url": url} for n in positions]}


def test_names_say_serial_and_position():
    names = FileNames()

    assert [name for name, _ in names.of(product(1, "A 7/é", (1, 3)))] == ["A_7_é-1.jpg", "A_7_é-3.jpg"]
    assert [name for name, _ in names.of(product(2, "a_7/É"))] == ["a_7_É~2-1.jpg"]
    assert [name for name, _ in names.of(product(3, "../.."))] == ["row3-1.jpg"]
    assert names.of({**product(4, "x"), "images": [{"position": 1, "output_url": None}]}) == []


@given(st.lists(st.text(max_size=80) | st.sampled_from(["1", "1-1", "1~2", "a", "A", "..", "row2"]), max_size=20))
def test_no_two_images_have_one_name_and_none_leads_elsewhere(serials):
    names = FileNames()
    found = [name for row, serial in enumerate(serials, 1) for name, _ in names.of(product(row, serial, (1, 2)))]

    assert len({name.casefold() for name in found}) == len(found)
    assert not any("/" in name or "\\" in name or name.startswith(".") or len(name.encode()) > 255 for name in found)
