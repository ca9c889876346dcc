"""`Idempotency-Key`: the same key and content within 24 hours make the same thing (contract A4)."""

from __future__ import annotations

from http import HTTPStatus

from imagemill.adapters.store.idempotency import Claim, claim_key

from .problems import ProblemError

MAX_IDEMPOTENCY_KEY_CHARACTERS = 255


def claimed_id(tenant: str, idempotency_key: str, new_id: str, content: str, *, made: str = "job") -> str:
    """The id that a key stands for: `new_id`, unless it is bound to another already.

    content: hash of what the request asks for. made: what it is; the keys of each kind are its own.

    Raises:
        ProblemError: 400 for a key of wrong length, 409 when the key stands for something else.
    """
    if not 0 < len(idempotency_key) <= MAX_IDEMPOTENCY_KEY_CHARACTERS:
        detail = f"Idempotency-Key: 1 to {MAX_IDEMPOTENCY_KEY_CHARACTERS} characters."
        raise ProblemError(HTTPStatus.BAD_REQUEST, "INVALID_HEADER", detail)
    # Jobs were the only ones, and their keys are kept as they are.
    kept_as = idempotency_key if made == "job" else f"{made}\0{idempotency_key}"
    standing = claim_key(tenant, kept_as, Claim(new_id, content))
    if standing.content != content:
        detail = f"This Idempotency-Key was used with other content. Use a new key for a new {made}."
        raise ProblemError(HTTPStatus.CONFLICT, "IDEMPOTENCY_CONFLICT", detail)
    return standing.made
