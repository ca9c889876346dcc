import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from imagemill.adapters.web.faults import WebCode
from imagemill.adapters.web.pinned_connections import verifying_tls_context
from tests.support.certificates import tls_server, write_certificate
from tests.support.scripted_web import (
    IMAGE,
    ScriptedResolver,
    drip,
    fault_and_seconds,
    fault_of,
    response,
    then_close,
)

pytest_plugins = ["tests.support.web_fixtures"]

HOST = "shop.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return write_certificate(tmp_path_factory.mktemp("tls") / "origin.pem", HOST)


@pytest.fixture
def server_tls(certificate):
    return tls_server(certificate)


@pytest.fixture
def trusted(certificate, monkeypatch):
    """The system's only authority is the origin's own."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")


@pytest.mark.usefixtures("trusted")
def test_certificate_and_server_name_go_by_the_host_name_not_by_the_pinned_address(
    serve_origin, web_client, server_tls
):
    names = []
    server_tls.sni_callback = lambda _socket, name, _context: names.append(name)
    origin = serve_origin(response(200, IMAGE), tls=server_tls)
    client = web_client(ScriptedResolver([("127.0.0.1", origin.port)]))

    bodies = [client.fetch(f"https://{host}/a.png") for host in (HOST, f"{HOST}.")]

    assert (bodies, names, origin.connections) == ([IMAGE, IMAGE], [HOST], 1)
    assert b"\r\nHost: shop.example\r\n" in origin.requests[0]


def test_a_certificate_that_nobody_vouches_for_is_refused(serve_origin, web_client, server_tls):
    origin = serve_origin(response(200, IMAGE), tls=server_tls)
    client = web_client(ScriptedResolver([("127.0.0.1", origin.port)]))

    fault = fault_of(lambda: client.fetch(f"https://{HOST}/a.png"))

    assert (fault.code, origin.requests) == (WebCode.TLS_FAILURE, [])


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
def test_the_certificate_of_another_host_is_refused(serve_origin, web_client, server_tls, host):
    origin = serve_origin(response(200, IMAGE), tls=server_tls)
    client = web_client(ScriptedResolver([("127.0.0.1", origin.port)]))

    fault = fault_of(lambda: client.fetch(f"https://{host}/a.png"))

    assert (fault.code, origin.requests) == (WebCode.TLS_FAILURE, [])


def test_a_server_that_does_not_speak_tls_is_a_tls_fault(web_client):
    def answer_in_plain_text(listener):
        with listener.accept()[0] as connection:
            connection.recv(65_536)
            connection.sendall(response(400))
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as plain, ThreadPoolExecutor(1) as threads:
        threads.submit(answer_in_plain_text, plain)

        fault = fault_of(lambda: web_client().fetch(f"https://127.0.0.1:{plain.getsockname()[1]}/a.png"))

    assert fault.code is WebCode.TLS_FAILURE


@pytest.mark.usefixtures("trusted")
def test_a_body_cut_short_under_tls_is_truncated(serve_origin, web_client, server_tls):
    origin = serve_origin(then_close(response(200, IMAGE)[:-1]), tls=server_tls)
    client = web_client(ScriptedResolver([("127.0.0.1", origin.port)]))

    assert fault_of(lambda: client.fetch(f"https://{HOST}/")).code is WebCode.TRUNCATED_BODY


@pytest.mark.usefixtures("trusted")
def test_an_answer_that_drips_under_tls_ends_at_the_total(serve_origin, web_client, server_tls):
    origin = serve_origin(drip(b"", b"H"), tls=server_tls)
    client = web_client(ScriptedResolver([("127.0.0.1", origin.port)]), total_timeout_seconds=0.4)

    assert fault_of(lambda: client.fetch(f"https://{HOST}/")).code is WebCode.TIMEOUT


@pytest.mark.usefixtures("trusted")
def test_a_webhook_is_sent_whole_under_tls(serve_origin, web_client, server_tls):
    body = IMAGE * 100
    origin = serve_origin(response(200), tls=server_tls)
    client = web_client(ScriptedResolver([("127.0.0.1", origin.port)]))

    client.post(f"https://{HOST}/", body, {}, timeout_seconds=5)

    assert origin.requests[0].endswith(b"\r\n\r\n" + body)


@pytest.mark.usefixtures("trusted")
def test_a_webhook_that_reads_nothing_under_tls_ends_at_its_timeout(web_client, server_tls):
    is_over = Event()

    def shake_hands_and_no_more(listener):
        with server_tls.wrap_socket(listener.accept()[0], server_side=True):
            is_over.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as deaf, ThreadPoolExecutor(1) as threads:
        threads.submit(shake_hands_and_no_more, deaf)
        client = web_client(ScriptedResolver([("127.0.0.1", deaf.getsockname()[1])]))

        fault, seconds = fault_and_seconds(
            lambda: client.post(f"https://{HOST}/", bytes(32 * 1024 * 1024), {}, timeout_seconds=0.5)
        )

        is_over.set()
    assert fault.code is WebCode.TIMEOUT
    assert seconds < 3


def test_tls_is_at_least_1_2_and_verified():
    context = verifying_tls_context()

    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_system_without_authorities_still_verifies_by_those_of_botocore(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")

    context = verifying_tls_context()

    assert context.cert_store_stats()["x509_ca"] > 100
