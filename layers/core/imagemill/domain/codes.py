"""Every status and error code of the contract, as the words that users see."""

from enum import StrEnum


class JobStatus(StrEnum):
    AWAITING_UPLOAD = "AWAITING_UPLOAD"
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def has_ended(self) -> bool:
        return self not in {JobStatus.AWAITING_UPLOAD, JobStatus.QUEUED, JobStatus.PROCESSING}


class JobSource(StrEnum):
    """How a job's CSV came."""

    API = "api"
    DROP = "drop"
    URL = "url"


class ProductStatus(StrEnum):
    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"

    @property
    def has_ended(self) -> bool:
        return self not in {ProductStatus.PENDING, ProductStatus.PROCESSING}


class ImageStatus(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class FileCode(StrEnum):
    """Why a whole CSV is refused: HTTP 422, or job status REJECTED when it came by S3."""

    EMPTY_FILE = "EMPTY_FILE"
    NOT_TEXT = "NOT_TEXT"
    MISSING_COLUMNS = "MISSING_COLUMNS"
    NO_ROWS = "NO_ROWS"
    MALFORMED_CSV = "MALFORMED_CSV"
    TOO_MANY_ROWS = "TOO_MANY_ROWS"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    INVALID_OPTION = "INVALID_OPTION"
    UPLOAD_EXPIRED = "UPLOAD_EXPIRED"
    INGEST_FAILED = "INGEST_FAILED"
    REPORT_FAILED = "REPORT_FAILED"


class RowCode(StrEnum):
    """Why one product fails before any of its images is tried."""

    MISSING_SERIAL = "MISSING_SERIAL"
    SERIAL_TOO_LONG = "SERIAL_TOO_LONG"
    MISSING_NAME = "MISSING_NAME"
    NAME_TOO_LONG = "NAME_TOO_LONG"
    NO_IMAGE_URLS = "NO_IMAGE_URLS"
    TOO_MANY_IMAGES = "TOO_MANY_IMAGES"
    SURPLUS_FIELDS = "SURPLUS_FIELDS"
    INVALID_ENCODING = "INVALID_ENCODING"


class ImageCode(StrEnum):
    """Why one image failed."""

    INVALID_URL = "INVALID_URL"
    BLOCKED_ADDRESS = "BLOCKED_ADDRESS"
    DNS_FAILURE = "DNS_FAILURE"
    CONNECT_FAILED = "CONNECT_FAILED"
    TLS_FAILURE = "TLS_FAILURE"
    TIMEOUT = "TIMEOUT"
    HTTP_STATUS = "HTTP_STATUS"
    TOO_MANY_REDIRECTS = "TOO_MANY_REDIRECTS"
    TOO_LARGE = "TOO_LARGE"
    TRUNCATED_BODY = "TRUNCATED_BODY"
    NOT_AN_IMAGE = "NOT_AN_IMAGE"
    UNSUPPORTED_FORMAT = "UNSUPPORTED_FORMAT"
    CORRUPT_IMAGE = "CORRUPT_IMAGE"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    ENCODE_FAILED = "ENCODE_FAILED"
    TOO_LARGE_TO_PROCESS = "TOO_LARGE_TO_PROCESS"
    PROCESSING_TIMEOUT = "PROCESSING_TIMEOUT"
    STORE_FAILED = "STORE_FAILED"
    PROCESSING_CRASHED = "PROCESSING_CRASHED"
    CANCELLED = "CANCELLED"
