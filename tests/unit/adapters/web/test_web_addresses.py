import socket

import pytest

from imagemill.adapters.web.client import WebClient
from imagemill.adapters.web.faults import WebCode
from imagemill.adapters.web.policy import WebPolicy
from tests.support.refused_addresses import REFUSED_ALSO_LOCALLY
from tests.support.scripted_web import IMAGE, ScriptedResolver, fault_of, response, then_close

pytest_plugins = ["tests.support.web_fixtures"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://0/",
        "http://①②⑦.0.0.1/",
        "http://localhost/",
        "http://localhost./",
        "http://LOCALHOST:443/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/latest/meta-data/",
        "https://10.0.0.1/",
        "http://[fd00:ec2::254]/",
    ],
)
def test_inner_addresses_are_refused_however_they_are_spelled(url):
    client = WebClient(WebPolicy())

    fault = fault_of(lambda: client.fetch(url))

    client.close()
    assert fault.code is WebCode.BLOCKED_ADDRESS


def test_loopback_is_never_connected_to_outside_the_local_stage(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE))
    client = web_client(ScriptedResolver([("127.0.0.1", origin.port)]), allow_loopback=False)

    fault = fault_of(lambda: client.fetch("http://shop.example/a.png"))

    assert (fault.code, origin.connections) == (WebCode.BLOCKED_ADDRESS, 0)


@pytest.mark.parametrize("good_comes_first", [True, False])
@pytest.mark.parametrize("bad", REFUSED_ALSO_LOCALLY)
def test_a_name_with_one_good_and_one_bad_address_is_refused(serve_origin, web_client, bad, good_comes_first):
    origin = serve_origin(response(200, IMAGE))
    addresses = [("127.0.0.1", origin.port), (bad, origin.port)]
    client = web_client(ScriptedResolver(addresses if good_comes_first else addresses[::-1]))

    fault = fault_of(lambda: client.fetch("http://shop.example/a.png"))

    assert (fault.code, origin.connections) == (WebCode.BLOCKED_ADDRESS, 0)


def test_the_address_that_was_checked_is_the_one_connected_to(serve_origin, web_client):
    checked, rebound = serve_origin(response(200, IMAGE)), serve_origin(response(200, b"inside"))
    resolver = ScriptedResolver([("127.0.0.1", checked.port)], [("127.0.0.1", rebound.port)])

    body = web_client(resolver).fetch("http://shop.example/a.png")

    assert (body, resolver.lookups, rebound.connections) == (IMAGE, 1, 0)
    assert b"\r\nHost: shop.example\r\n" in checked.requests[0]


def test_a_name_that_turns_bad_is_refused_with_the_next_connection(serve_origin, web_client):
    origin = serve_origin(then_close(response(200, IMAGE, connection="close")))
    client = web_client(ScriptedResolver([("127.0.0.1", origin.port)], [("10.0.0.1", origin.port)]))
    client.fetch("http://shop.example/a.png")

    fault = fault_of(lambda: client.fetch("http://shop.example/a.png"))

    assert (fault.code, origin.connections) == (WebCode.BLOCKED_ADDRESS, 1)


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://10.0.0.1/", WebCode.BLOCKED_ADDRESS),
        ("//169.254.169.254/latest/meta-data/", WebCode.BLOCKED_ADDRESS),
        ("http://0x0a000001/", WebCode.BLOCKED_ADDRESS),
        ("http://[::ffff:127.0.0.1]/", WebCode.BLOCKED_ADDRESS),
        ("http://[fe80::1]/", WebCode.BLOCKED_ADDRESS),
        ("http://user:secret@shop.example/", WebCode.INVALID_URL),
        ("file:///etc/passwd", WebCode.INVALID_URL),
        ("http://[", WebCode.INVALID_URL),
    ],
)
def test_a_redirect_is_checked_as_the_first_url_was(serve_origin, web_client, location, code):
    origin = serve_origin(response(302, location=location))

    fault = fault_of(lambda: web_client().fetch(origin.url))

    assert (fault.code, origin.connections) == (code, 1)


@pytest.mark.parametrize("url", ["ftp://shop.example/a", "http://u:p@shop.example/", "a.png", "http://shop.example:x/"])
def test_what_is_no_web_url_is_not_looked_up(web_client, url):
    resolver = ScriptedResolver([])

    fault = fault_of(lambda: web_client(resolver).fetch(url))

    assert (fault.code, resolver.lookups) == (WebCode.INVALID_URL, 0)


@pytest.mark.parametrize("port", [22, 8080, 6379])
def test_other_ports_are_refused_outside_the_local_stage(web_client, port):
    resolver = ScriptedResolver([("93.184.215.14", port)])
    client = web_client(resolver, allow_loopback=False)

    fault = fault_of(lambda: client.fetch(f"http://shop.example:{port}/"))

    assert (fault.code, resolver.lookups) == (WebCode.BLOCKED_ADDRESS, 0)


def test_proxies_and_netrc_of_the_environment_are_not_used(serve_origin, web_client, monkeypatch, tmp_path):
    origin, proxy = serve_origin(response(200, IMAGE)), serve_origin(response(200, b"proxied"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login shop password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)

    body = web_client().fetch(origin.url)

    assert (body, proxy.connections) == (IMAGE, 0)
    assert b"authorization" not in origin.requests[0].lower()


@pytest.mark.parametrize("failing", [socket.gaierror(socket.EAI_NONAME, "secret"), OSError(), UnicodeError()])
def test_a_name_that_cannot_be_resolved_is_a_dns_failure(web_client, failing):
    def resolve(host, port):
        raise failing

    assert fault_of(lambda: web_client(resolve).fetch("http://shop.example/")).code is WebCode.DNS_FAILURE


@pytest.mark.parametrize("host", ["shop.invalid", "INVALID", "shop.invalid."])
def test_a_name_that_cannot_exist_is_a_dns_failure_without_a_lookup(web_client, host):
    resolver = ScriptedResolver([("127.0.0.1", 80)])

    fault = fault_of(lambda: web_client(resolver).fetch(f"http://{host}/"))

    assert (fault.code, resolver.lookups) == (WebCode.DNS_FAILURE, 0)


def test_a_name_without_addresses_is_a_dns_failure(web_client):
    assert fault_of(lambda: web_client(ScriptedResolver([])).fetch("http://shop.example/")).code is WebCode.DNS_FAILURE


def test_the_next_address_is_tried_when_one_refuses(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead_port = closed.getsockname()[1]
    client = web_client(ScriptedResolver([("127.0.0.1", dead_port), ("127.0.0.1", origin.port)]))

    assert client.fetch("http://shop.example/") == IMAGE


def test_a_host_that_refuses_connections_is_a_connect_fault(web_client):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead_port = closed.getsockname()[1]

    assert fault_of(lambda: web_client().fetch(f"http://127.0.0.1:{dead_port}/")).code is WebCode.CONNECT_FAILED
