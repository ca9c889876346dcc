"""imagemill's API as a shop would call it: the calls that `make run` needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from local.stack import Stack

#: The largest CSV that a request takes, in bytes (contract A7). Larger ones are uploaded.
MAX_REQUEST_CSV_BYTES = 4 * 1024 * 1024
PAGE_SIZE = 200


class RefusedError(Exception):
    """The API's answer to what it cannot take, as RFC 9457 problem details."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{problem['code']}: {problem['detail']}")


@dataclass(slots=True)
class ApiClient:
    stack: Stack
    http: urllib3.PoolManager

    def submit(self, filename: str, csv: bytes, options: Mapping[str, str]) -> str:
        """Hand in a catalogue; returns the job's id. Raises RefusedError."""
        if len(csv) > MAX_REQUEST_CSV_BYTES:
            return self._upload(filename, csv, options)
        fields: dict[str, Any] = {**options, "file": (filename, csv, "text/csv")}
        job = self._answer(self.http.request("POST", self._url("/jobs"), headers=self._headers(), fields=fields))
        return str(job["job_id"])

    def _upload(self, filename: str, csv: bytes, options: Mapping[str, str]) -> str:
        """Announce a catalogue that is too large for a request, and send it to where the answer says."""
        announced = self._answer(
            self.http.request(
                "POST", self._url("/uploads"), headers=self._headers(), json={"filename": filename, **options}
            )
        )
        form = announced["upload"]
        fields = {**form["fields"], "file": (filename, csv, "text/csv")}
        answer = self.http.request("POST", form["url"], fields=fields)
        if answer.status >= 300:
            raise ConnectionError(f"S3 has refused the upload: HTTP {answer.status}")
        return str(announced["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        return self._get(f"/jobs/{job_id}")

    def products(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Every product, in row order."""
        cursor = ""
        while True:
            page = self._get(f"/jobs/{job_id}/products?limit={PAGE_SIZE}{cursor}")
            yield from page["products"]
            if not page["next_cursor"]:
                return
            cursor = f"&cursor={page['next_cursor']}"

    def output(self, job_id: str) -> bytes:
        """The output CSV, through the API's redirect to a presigned URL."""
        redirect = self.http.request(
            "GET", self._url(f"/jobs/{job_id}/output"), headers=self._headers(), redirect=False
        )
        if redirect.status != 302:
            self._answer(redirect)
        return self.download(redirect.headers["location"])

    def download(self, url: str) -> bytes:
        answer = self.http.request("GET", url)
        if answer.status != 200:
            raise ConnectionError(f"HTTP {answer.status} for {url}")
        return answer.data

    def _get(self, path: str) -> dict[str, Any]:
        return self._answer(self.http.request("GET", self._url(path), headers=self._headers()))

    def _url(self, path: str) -> str:
        return self.stack.api_url + path

    def _headers(self) -> dict[str, str]:
        return {"x-api-key": self.stack.api_key}

    @staticmethod
    def _answer(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(response.data)
        if response.status >= 400:
            raise RefusedError(document)
        return document
