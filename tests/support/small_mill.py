"""A small imagemill on a real socket, for its client: it keeps jobs in memory, and can be made to misbehave."""

from __future__ import annotations

import email.parser
import email.policy
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

KEY = "a-key-of-at-least-20-characters"
SCHEDULE_ID = "01K0B5C7R2M8Q4W6X9Z1T3V5YH"
OUTPUT = b"S. No.,Output Image Urls\r\n1,x\r\n"
#: What a fault does with an answer: closes before it, cuts it in the middle; or a status instead, with headers.
DROP, LOSE, CUT = "drop", "lose", "cut"
Fault = str | tuple[int, dict[str, str]] | None


def image_bytes(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest() * 4000


@dataclass
class SmallMill:
    """fault: told of each request (its number from 1, `GET /path`); says what becomes of its answer."""

    serials: tuple[str, ...] = ("1", "2", "3")
    fault: Callable[[int, str], Fault] = lambda _number, _line: None
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    forms: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    by_key: dict[str, str] = field(default_factory=dict)
    wrong_images: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    url: str = ""

    def __enter__(self) -> Self:
        mill = self

        class Handler(_Handler):
            pass

        Handler.mill = mill
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.root}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def make_job(self, filename: str, **more: Any) -> dict[str, Any]:
        job_id = f"01M{len(self.jobs):023d}"
        self.jobs[job_id] = {
            "job_id": job_id, "status": "COMPLETED", "filename": filename, "ended_at": "2026-11-25T08:00:00.000Z",
            "products": {"total": len(self.serials), "pending": 0}, "images": {"total": 3, "completed": 3, "failed": 0},
            "bytes": None, "client_reference": None, "created_at": "2026-11-25T07:59:00.000Z", "run": 1, "errors": [],
            "links": {"output": f"{self.url}/jobs/{job_id}/output"}, **more,
        }  # fmt: skip
        return self.jobs[job_id]

    def products(self) -> list[dict[str, Any]]:
        found = []
        for row, serial in enumerate(self.serials, 1):
            name = f"/images/{row}.jpg"
            image = {
                "position": 1, "input_url": f"http://shop.example{name}", "output_url": self.root + name, "error": None,
                "status": "COMPLETED", "sha256": hashlib.sha256(image_bytes(name)).hexdigest(),
            }  # fmt: skip
            found.append({"row": row, "serial": serial, "name": f"P{row}", "status": "COMPLETED", "images": [image]})
        return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    mill: SmallMill

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path
        line = f"{self.command} {path}"
        self.mill.seen.append(line)
        fault = self.mill.fault(len(self.mill.seen), line)
        if fault == DROP:
            self.close_connection = True
            return
        if isinstance(fault, tuple):
            self._send(fault[0], {"code": "THROTTLED", "detail": "Slower."}, fault[1])
            return
        status, answer, headers = self._route(path, body)
        if fault == LOSE:
            self.close_connection = True
            return
        self._send(status, answer, headers, cut=fault == CUT)

    def do_GET(self) -> None:
        self._serve()

    do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server finds handlers by this name

    def do_POST(self) -> None:
        self._serve()

    def _route(self, path: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        mill = self.mill
        if path == "/v1/health":
            return 200, {"status": "ok"}, {}
        if path.startswith("/images/"):
            return self._image(path)
        if path in {"/s3", "/output.csv"}:
            assert "x-api-key" not in self.headers
            if path == "/output.csv":
                return 200, OUTPUT, {"etag": '"1"'}
            form = self._form(body)
            job = mill.jobs[form["key"]]
            mill.forms.append(form)
            job["status"], job["ended_at"] = "COMPLETED", "2026-11-25T08:00:00.000Z"
            return 204, b"", {}
        if self.headers.get("x-api-key") != KEY:
            return 403, {"code": "FORBIDDEN", "detail": "No API key, or an unknown one."}, {}
        answering = self._schedules if path.startswith("/v1/schedules") else self._api
        return answering(path, body)

    def _api(self, path: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        mill = self.mill
        _, _, kind, *rest = path.split("/")
        if self.command == "POST" and path in {"/v1/jobs", "/v1/uploads"}:
            return self._submit(kind, body)
        if path in {"/v1/jobs", "/v1/webhooks"}:
            mill.calls[f"{self.command} {kind}"] += 1
            return 200, {"jobs": list(mill.jobs.values())[::-1], "next_cursor": None}, {}
        if kind != "jobs" or rest[0] not in mill.jobs:
            return 404, {"code": "JOB_NOT_FOUND", "detail": "There is no such job."}, {}
        job = mill.jobs[rest[0]]
        match rest[1:]:
            case ["products"]:
                return 200, self._products(), {}
            case ["output"]:
                return 302, b"", {"location": f"{mill.root}/output.csv"}
            case [verb]:
                mill.calls[verb] += 1
                job["run"] += verb == "retry"
        return 200, job, {}

    def _schedules(self, path: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        rest = path.split("/")[3:]
        schedules = self.mill.schedules
        given = json.loads(body) if body else {}
        if self.command == "POST":
            made: dict[str, Any] = {
                "id": SCHEDULE_ID,
                "created_at": "2026-11-25T08:00:00.000Z",
                "next_run_at": None,
                "runs": [],
            }
            self.mill.by_key[self.headers["idempotency-key"]] = SCHEDULE_ID
            schedules[SCHEDULE_ID] = {**made, **given}
            return 201, schedules[SCHEDULE_ID], {}
        if not rest:
            return 200, {"schedules": list(schedules.values())}, {}
        if rest[0] not in schedules:
            return 404, {"code": "SCHEDULE_NOT_FOUND", "detail": "There is no such schedule."}, {}
        if self.command == "DELETE":
            del schedules[rest[0]]
            return 204, b"", {}
        schedules[rest[0]] |= given
        return 200, schedules[rest[0]], {}

    def _products(self) -> dict[str, Any]:
        query = parse_qs(urlsplit(self.path).query)
        begin = int(query.get("cursor", ["0"])[0])
        wanted = query.get("status", [""])[0]
        page = [product for product in self.mill.products()[begin : begin + 2] if wanted in {"", product["status"]}]
        more = begin + 2 if begin + 2 < len(self.mill.serials) else None
        return {"products": page, "next_cursor": more and str(more)}

    def _submit(self, kind: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        mill = self.mill
        key = self.headers["idempotency-key"]
        is_json = self.headers["content-type"] == "application/json"
        form = json.loads(body) if is_json else self._form(body)
        if key not in mill.by_key:
            waits = {} if kind == "jobs" else {"status": "AWAITING_UPLOAD", "ended_at": None}
            mill.by_key[key] = mill.make_job(form.get("filename", "feed.csv"), **waits)["job_id"]
            mill.forms.append(form)
        job = mill.jobs[mill.by_key[key]]
        if kind == "jobs":
            return 202, job, {}
        fields = {"key": job["job_id"]}
        return 201, {"job_id": job["job_id"], "upload": {"url": f"{mill.root}/s3", "fields": fields}}, {}

    def _image(self, path: str) -> tuple[int, Any, dict[str, str]]:
        if path in self.mill.wrong_images:
            return 200, b"something else", {}
        whole = image_bytes(path)
        asked = self.headers.get("range")
        if asked is None:
            return 200, whole, {}
        self.mill.ranges.append(asked)
        begin = int(asked.removeprefix("bytes=").removesuffix("-"))
        if begin >= len(whole):
            return 416, b"", {}
        return 206, whole[begin:], {"content-range": f"bytes {begin}-{len(whole) - 1}/{len(whole)}"}

    def _form(self, body: bytes) -> dict[str, Any]:
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        form: dict[str, Any] = {}
        for part in message.iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            form[name] = content if name == "file" else content.decode()
            if name == "file":
                form["filename"] = part.get_filename()
        return form

    def _send(self, status: int, answer: Any, headers: dict[str, str], *, cut: bool = False) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def small_mill(**given: Any) -> Iterator[SmallMill]:
    with SmallMill(**given) as mill:
        yield mill


def one_in_ten(kind: str) -> Callable[[int, str], Fault]:
    """A line that fails every tenth time, counted over all requests."""
    return lambda number, _line: kind if number % 10 == 3 else None


def pauses_of(transport: Any) -> list[float]:
    """Take a transport's pauses down, and leave them out."""
    taken: list[float] = []
    transport.pause = taken.append
    return taken
