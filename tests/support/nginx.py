"""A real nginx, as Debian packages it: on free ports, in a folder of its own, the child of whoever starts it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Debian puts it where only root looks.
SEARCHED = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin"
START_SECONDS = 10
MISSING = "nginx is missing, which these tests ask for images: `make nginx` installs it (apt-get, or brew)."

#: server: what is in its block, beside listening and the root. http: what is beside it.
CONFIGURATION = """
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
  log_format told '$status $msec $request_uri $connection $connection_requests'; access_log {folder}/access.log told;
  types {{ image/jpeg jpg; }}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  limit_req_log_level info; limit_conn_log_level info;
  {http}
  server {{ listen 127.0.0.1:{port}{tls}; root {folder}/images; {server} }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """url: without a slash at its end. The log has a line for each request that was answered."""

    url: str
    folder: Path

    def statuses(self) -> Counter[int]:
        lines = (self.folder / "access.log").read_text().splitlines()
        return Counter(int(line.split()[0]) for line in lines)

    def seconds(self) -> float:
        """From the first answer to the last."""
        moments = [float(line.split()[1]) for line in (self.folder / "access.log").read_text().splitlines()]
        return max(moments) - min(moments)

    def put(self, name: str, data: bytes) -> str:
        """Serve an image; returns its URL."""
        (self.folder / "images" / name).write_bytes(data)
        return f"{self.url}/{name}"


@contextmanager
def nginx(folder: Path, server: str = "", http: str = "", certificate: Path | None = None) -> Iterator[Nginx]:
    """An nginx that has answered once.

    certificate: chain and key of 127.0.0.1 or localhost as PEM, for TLS.
    """
    program = shutil.which("nginx", path=SEARCHED) or shutil.which("nginx")
    assert program, MISSING
    (folder / "images").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};" if certificate else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            # Started by root, it would have its workers be somebody who may not read the folder.
            user="user root;" if os.getuid() == 0 else "",
            folder=folder,
            port=port,
            server=server + tls,
            http=http,
            tls=" ssl" if certificate else "",
        )
    )
    command = [program, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process, folder)
        yield Nginx(f"{'https' if certificate else 'http'}://127.0.0.1:{port}", folder)
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        log = folder / "error.log"
        assert process.poll() is None, log.read_text() if log.exists() else "nginx ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not listen")
