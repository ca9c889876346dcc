"""imagemill's client: hand in catalogues, follow their jobs, fetch what came of them.

    from imagemill_client import Client

    job = Client(url, key).submit("products.csv", quality=60).wait()
    job.download("out")

Every exception is an `ImagemillError`.
"""

from imagemill_client.client import Client
from imagemill_client.download import Download
from imagemill_client.errors import (
    DownloadError,
    ImagemillError,
    MisuseError,
    NoStackError,
    RefusedError,
    StillRunningError,
    UnreachableError,
)
from imagemill_client.failures import Failure
from imagemill_client.job import Job
from imagemill_client.version import __version__

__all__ = [
    "Client",
    "Download",
    "DownloadError",
    "Failure",
    "ImagemillError",
    "Job",
    "MisuseError",
    "NoStackError",
    "RefusedError",
    "StillRunningError",
    "UnreachableError",
    "__version__",
]
