"""Every exception of ours. Those that carry what only their own room knows are defined there.

```
ImagemillError
├── CatalogueRefusedError           a CSV refused whole
├── NotTextError                    bytes that are no text
├── MalformedCsvError               a record that breaks RFC 4180 or a bound
├── InvalidOptionError              a job option
├── InvalidUrlError                 a URL that may not be tried
├── UnreadableMessageError          a queue's message that no version of ours has written
├── MessagesNotSentError            SQS keeps refusing
├── RotationContendedError          a secret that others keep rotating
├── OriginNotKeptError              an origin's pace that could not be written
├── SourcesNotKeptError             what came of images, which DynamoDB keeps leaving undone
├── AddressRefusedError             an address that may not be called
├── NameResolutionError             a host without an address
├── BrokenBodyError                 an encoded body that cannot be decoded
├── HeadTooLongError                adapters/web/heads.py: a head beyond its bound
├── TooManyFieldsError              adapters/web/heads.py: more fields than a head has
├── ContradictoryLengthsError       adapters/web/heads.py: two lengths for one body
├── FetchError                      adapters/web/faults.py: why a URL was not fetched or called
│   └── NotTriedError               adapters/web/faults.py: our own queue took the time
│       └── FarSlotError            adapters/web/faults.py: the origin's turn for it is far off
├── ProblemError                    functions/api/problems.py: an HTTP answer
├── ImageError                      functions/process/codec/image_fault.py: why an image was not compressed
├── NotTranscodableError            functions/process/codec/transcode/refusal.py: a JPEG that has to go through pixels
├── WasmError                       functions/process/codec/transcode/wasm.py: what wasmtime refused
│   └── TrapError                   functions/process/codec/transcode/wasm.py: a call that ended by a trap
├── TransientImageError             functions/process/image.py: worth another receive
│   ├── NotBegunError               functions/process/image.py: there was no time to try
│   └── SlowedDownError             functions/process/image.py: the origin asked for time
├── ChildLostError                  functions/process/children.py: a codec process ended
├── SuspectChildError               functions/process/codec_pool.py: to be asked again of a fresh process
├── NoSuchJobError                  ingest
├── LostRunError                    ingest
├── LostOutcomeError                ingest
├── UnfinishedProductError          report
├── ReportUnfinishedError           report
├── LostUploadError                 report
├── EventNotSentError               report
└── JobsNotSweptError               sweep
```
`tests/contract/test_errors.py` holds the drawing to the classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagemill.domain.catalogue.faults import Fault


class ImagemillError(Exception):
    """What all exceptions of ours are."""


# ---- what callers hand in


class CatalogueRefusedError(ImagemillError):
    """A structural fault: no product of the file is started. `fault.code` is a FileCode."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class NotTextError(ImagemillError):
    """The bytes are not text in any encoding of the contract. The message says what they are instead."""


class MalformedCsvError(ImagemillError):
    """The record that begins on `line` (from 1) breaks RFC 4180 or a bound.

    The message says how, `way_out` what to do.
    """

    def __init__(self, line: int, reason: str, way_out: str) -> None:
        super().__init__(reason)
        self.line = line
        self.way_out = way_out


class InvalidOptionError(ImagemillError, ValueError):
    """An option that is unknown or out of range. `name` is the option, `allowed` what would be accepted."""

    def __init__(self, name: str, allowed: str) -> None:
        super().__init__(f"Option '{name}': {allowed}.")
        self.name = name
        self.allowed = allowed


class InvalidUrlError(ImagemillError, ValueError):
    """Not an absolute http or https URL that may be fetched. The message has nothing of the URL."""


# ---- AWS


class UnreadableMessageError(ImagemillError, ValueError):
    """A message that no version of ours has written."""


class MessagesNotSentError(ImagemillError):
    """SQS kept refusing some entries of a batch. The caller's own message comes again and repeats it."""


class RotationContendedError(ImagemillError):
    """Others kept rotating the same secret. Nothing was changed."""


class OriginNotKeptError(ImagemillError):
    """The pace of an origin could not be read or written. What was known of it stands."""


class SourcesNotKeptError(ImagemillError):
    """What came of images could not be remembered. They are made again when they come again."""


# ---- the web


class AddressRefusedError(ImagemillError):
    """The host has an address that may not be called."""


class NameResolutionError(ImagemillError):
    """The host has no address, or nobody could tell it."""


class BrokenBodyError(ImagemillError):
    """Encoded bytes that end early, or that are encoded too many times over."""


# ---- functions: each ends where an alarm rings


class NoSuchJobError(ImagemillError):
    """An upload that belongs to no job. The event ends in the dead-letter queue."""


class LostRunError(ImagemillError):
    """A job is in work whose layout or run is gone. The message ends in the dead-letter queue, the job by the sweep."""


class LostOutcomeError(ImagemillError):
    """What a retry needs of its job is no longer kept. The message ends in the dead-letter queue."""


class UnfinishedProductError(ImagemillError):
    """A run was said to be full, but a product has no terminal result. The execution fails, and its alarm rings."""


class ReportUnfinishedError(ImagemillError):
    """The time is short, and the output has more parts. What is written is noted: whoever is next goes on."""


class LostUploadError(ImagemillError):
    """An upload was cleared away half-way, a day after it began. The next try begins anew."""


class EventNotSentError(ImagemillError):
    """EventBridge refused an event. The report's message comes again and sends it again."""


class JobsNotSweptError(ImagemillError):
    """Some jobs could not be looked after. The log names them, the alarm of the function's errors rings."""
