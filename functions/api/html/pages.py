"""Self-contained HTML pages, and the Content-Security-Policy that lets them load and run nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from imagemill.adapters.aws.objects import upload_origin
from imagemill.domain.catalogue.feeds import Feed
from imagemill.domain.meanings import MEANINGS
from imagemill.settings import settings

HERE = files(__package__)
#: The console's scripts, in the order in which they run: each uses what those before it declare.
CONSOLE_SCRIPTS = ("api", "state", "failures", "submit", "jobs", "pictures", "webhooks", "console")
#: Powertools brings Swagger UI along.
SWAGGER_UI = files("aws_lambda_powertools.event_handler.openapi") / "swagger_ui"


@cache
def console_page() -> tuple[str, str]:
    """The web console and its policy: it may call the API, send CSVs to S3, and show images.

    The images are ours, and beside them the originals that a person asks to compare, wherever these are.
    """
    images = urlsplit(settings().output_base_url)
    return _assembled(
        "console.html",
        (HERE / "console.css").read_text("utf-8"),
        [_meanings(), *((HERE / f"{name}.js").read_text("utf-8") for name in CONSOLE_SCRIPTS)],
        {
            "connect-src": f"'self' {upload_origin()}",
            "img-src": f"'self' data: {images.scheme}://{images.netloc} http: https:",
        },
    )


@cache
def swagger_page() -> tuple[str, str]:
    """Swagger UI and its policy. It may call the API."""
    return _assembled(
        "docs.html",
        (SWAGGER_UI / "swagger-ui.min.css").read_text("utf-8") + (HERE / "docs.css").read_text("utf-8"),
        [
            (SWAGGER_UI / "swagger-ui-bundle.min.js").read_text("utf-8"),
            (HERE / "docs.js").read_text("utf-8"),
        ],
        {"connect-src": "'self'", "img-src": "'self' data:"},
    )


def _meanings() -> str:
    """A script with what each code means, for `console.js`. No word of it ends a script."""
    words = {code: asdict(meaning) for code, meaning in MEANINGS.items()}
    return f"const MEANINGS = {json.dumps(words)};"


def _assembled(page: str, style: str, scripts: list[str], sources: dict[str, str]) -> tuple[str, str]:
    """Put style and scripts into a page's `<!-- style -->` and `<!-- scripts -->`.

    They are allowed by their hashes, not by a nonce, so that the page can be cached.
    """
    html = (HERE / page).read_text("utf-8")
    html = html.replace("<!-- feeds -->", "".join(f"<option>{feed}</option>" for feed in Feed if feed is not Feed.AUTO))
    html = html.replace("<!-- style -->", f"<style>{style}</style>")
    html = html.replace("<!-- scripts -->", "".join(f"<script>{script}</script>" for script in scripts))
    policy = {
        "default-src": "'none'",
        "script-src": " ".join(map(_hash, scripts)),
        "style-src": _hash(style),
        **sources,
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return html, "; ".join(f"{directive} {allowed}" for directive, allowed in policy.items())


def _hash(content: str) -> str:
    """The source expression of an inline element, over its very characters (CSP Level 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
