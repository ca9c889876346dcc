"""A job's results in a folder: `output.csv`, `job.json`, `images/`; or all of them in a ZIP."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imagemill_client.errors import DownloadError
from imagemill_client.fetching import StoppedError, Target, fetch
from imagemill_client.file_names import FileNames
from imagemill_client.transport import CHUNK_BYTES

if TYPE_CHECKING:
    from imagemill_client.job import Job

PARALLEL_FETCHES = 8
#: Files asked for and not yet there; a million of them are never in memory together.
IN_FLIGHT = 64


@dataclass(slots=True)
class Download:
    """How far a download is, and what it has brought.

    path: the folder, or the ZIP. total: files in all; None while products are still being listed. fetched: files
    that came over the network. kept: files that were there already and whole. failed: what could not be had.
    """

    path: Path
    total: int | None = None
    fetched: int = 0
    kept: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        return self.fetched + self.kept + len(self.failed)


def download(
    job: Job, folder: Path, *, as_zip: bool, on_progress: Callable[[Download], None] | None = None
) -> Download:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not as_zip:
            return _into(job, folder, Download(folder), on_progress)
        gathered = folder / f".{job.id}.zip.parts"
        result = _into(job, gathered, Download(folder / f"{job.id}.zip"), on_progress)
        _pack(gathered, result.path)
        shutil.rmtree(gathered)
    except OSError as error:
        raise disk_error(error, folder) from error
    return result


def save_output(job: Job, path: Path) -> Path:
    try:
        fetch(job.transport, Target(job.output_url, path), threading.Event())
    except OSError as error:
        raise disk_error(error, path) from error
    return path


def output_pieces(job: Job) -> Iterator[bytes]:
    with (
        tempfile.TemporaryDirectory(prefix="imagemill-") as folder,
        save_output(job, Path(folder) / "output.csv").open("rb") as file,
    ):
        while piece := file.read(CHUNK_BYTES):
            yield piece


def disk_error(error: OSError, path: Path) -> DownloadError:
    """What the file system refuses, in a line."""
    way_out = (
        "Make room and run it again: it goes on." if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} else ""
    )
    return DownloadError(f"{error.filename or path}: {error.strerror or error}. {way_out}".strip())


def _into(
    job: Job, folder: Path, progress: Download, on_progress: Callable[[Download], None] | None = None
) -> Download:
    replace_text(folder / "job.json", json.dumps(job.document, indent=2, ensure_ascii=False) + "\n")
    images = job.document["images"]
    progress.total = None if images is None else images["completed"] + int(job.has_output)
    stop = threading.Event()
    with ThreadPoolExecutor(PARALLEL_FETCHES, thread_name_prefix="imagemill-download") as pool:
        waiting: set[Future[bool]] = set()
        try:
            for target in _targets(job, folder):
                waiting.add(pool.submit(fetch, job.transport, target, stop))
                while len(waiting) >= IN_FLIGHT:
                    waiting = _settle(waiting, progress, on_progress)
            while waiting:
                waiting = _settle(waiting, progress, on_progress)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    if progress.failed:
        raise DownloadError(
            f"{len(progress.failed)} of {progress.done} files could not be fetched; the others are in {folder}. "
            f"{progress.failed[0]}"
        )
    return progress


def _targets(job: Job, folder: Path) -> Iterator[Target]:
    if job.has_output:
        yield Target(job.output_url, folder / "output.csv")
    names = FileNames()
    for product in job.products():
        for name, image in names.of(product):
            yield Target(_always(image), folder / "images" / name, image.get("sha256"))


def _always(image: Mapping[str, object]) -> Callable[[], str]:
    return lambda: str(image["output_url"])


def _settle(
    waiting: set[Future[bool]], progress: Download, on_progress: Callable[[Download], None] | None
) -> set[Future[bool]]:
    """Count what has ended. One file's fault does not stop the others; the disk's and the network's does."""
    ended, still = wait(waiting, return_when=FIRST_COMPLETED)
    for future in ended:
        try:
            if future.result():
                progress.fetched += 1
            else:
                progress.kept += 1
        except DownloadError as failed:
            progress.failed.append(str(failed))
        except StoppedError:
            continue
    if on_progress is not None:
        on_progress(progress)
    return still


def _pack(folder: Path, archive: Path) -> None:
    part = archive.with_name(f".{archive.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:  # images do not become smaller
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(folder).as_posix())
    part.replace(archive)


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    part.replace(path)
