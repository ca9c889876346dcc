"""Waiting for a job, and fetching what came of it, with progress."""

from __future__ import annotations

from pathlib import Path

from imagemill_client.cli import show
from imagemill_client.download import Download
from imagemill_client.job import Job


def wait(job: Job, timeout: float | None = None) -> Job:
    """Wait for the job's end. Interrupted, it says how to go on."""
    with show.progress() as bars:
        task = show.new_task(bars, "Compressing")

        def look(seen: Job) -> None:
            counts = seen.counts
            troubled = counts.get("failed", 0) + counts.get("partial", 0)
            show.advance(
                bars,
                task,
                counts.get("total", 0) - counts.get("pending", 0),
                counts.get("total"),
                unit="products",
                note=f"{troubled} with failures" if troubled else "",
            )

        try:
            return job.wait(timeout, look)
        except KeyboardInterrupt:
            show.note(f"Stopped waiting; job {job.id} goes on. `imagemill wait {job.id}` looks again.")
            raise


def download(job: Job, folder: Path, *, as_zip: bool = False) -> Download:
    """Fetch the job's results. Interrupted, it says how to go on."""
    with show.progress() as bars:
        task = show.new_task(bars, "Fetching")
        try:
            return job.download(
                folder,
                as_zip=as_zip,
                on_progress=lambda seen: show.advance(bars, task, seen.done, seen.total, unit="files"),
            )
        except KeyboardInterrupt:
            option = " --zip" if as_zip else ""
            show.note(
                f"Stopped; all files that are there are whole. `imagemill download {job.id} {folder}{option}` goes on."
            )
            raise
