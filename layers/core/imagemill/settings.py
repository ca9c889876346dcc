"""What the template tells every function through its environment."""

import os
from dataclasses import dataclass

from imagemill.kept import kept


@dataclass(frozen=True, slots=True)
class Settings:
    """stage: `local`, `dev` or `prod`. stack: its name. retention_days: how long a job and its CSVs are kept.

    image_retention_days: how long an image is kept after it was last stored; 0 for ever.
    """

    stage: str
    stack: str
    table: str
    catalogue_bucket: str
    image_bucket: str
    output_base_url: str
    retention_days: int
    image_retention_days: int

    @property
    def is_local(self) -> bool:
        """True on the embedded stack alone: there loopback may be fetched, and webhooks may be http."""
        return self.stage == "local"


@kept
def settings() -> Settings:
    """Read the environment once; `imagemill.kept.forget` lets it be read again.

    Raises:
        KeyError: naming the variable that the template did not set.
    """
    environment = os.environ
    return Settings(
        stage=environment["STAGE"],
        stack=environment["POWERTOOLS_SERVICE_NAME"],
        table=environment["TABLE_NAME"],
        catalogue_bucket=environment["CATALOGUE_BUCKET"],
        image_bucket=environment["IMAGE_BUCKET"],
        output_base_url=environment["OUTPUT_BASE_URL"].rstrip("/"),
        retention_days=int(environment["RETENTION_DAYS"]),
        image_retention_days=int(environment["IMAGE_RETENTION_DAYS"]),
    )
