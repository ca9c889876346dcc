"""Contract A3: the options of a job."""

from decimal import Decimal

import pytest

from imagemill.domain.options import OPTION_NAMES, ImageOptions, JobOptions, Metadata, OutputFormat, parse_options
from imagemill.errors import InvalidOptionError


def parse(allow_http_webhook: bool = False, **given: str) -> JobOptions:
    return parse_options(given, allow_http_webhook=allow_http_webhook)


def test_nothing_said_means_the_defaults():
    assert parse() == JobOptions(
        ImageOptions(
            quality=50,
            format=OutputFormat.AUTO,
            max_width=None,
            max_height=None,
            progressive=False,
            metadata=Metadata.STRIP,
        ),
        webhook_url=None,
        client_reference=None,
    )


def test_an_empty_value_means_the_default():
    given = dict.fromkeys(OPTION_NAMES, " ")

    assert parse_options(given, allow_http_webhook=False) == JobOptions()


def test_every_option_is_read():
    options = parse(
        quality="95",
        format="WebP",
        max_width="1",
        max_height="16384",
        progressive="True",
        metadata="KEEP",
        webhook_url=" https://shop.example/hook?x=1 ",
        client_reference="Bestellung Grün",
    )

    assert options == JobOptions(
        ImageOptions(95, OutputFormat.WEBP, 1, 16_384, progressive=True, metadata=Metadata.KEEP),
        "https://shop.example/hook?x=1",
        "Bestellung Grün",
    )


@pytest.mark.parametrize("name", ["auto", "jpeg", "webp", "avif", "original"])
def test_every_format_of_the_contract_is_known(name):
    assert parse(format=name).image.format.value == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quality", "0"),
        ("quality", "96"),
        ("quality", "-1"),
        ("quality", "50.0"),
        ("quality", "５０"),
        ("quality", "9" * 5_000),
        ("max_width", "0"),
        ("max_width", "16385"),
        ("max_height", "many"),
        ("format", "bmp"),
        ("metadata", "some"),
        ("progressive", "yes"),
        ("client_reference", "x" * 257),
        ("webhook_url", "https://"),
        ("webhook_url", "shop.example/hook"),
        ("webhook_url", "ftp://shop.example/hook"),
        ("webhook_url", "https://user:secret@shop.example/"),
        ("webhook_url", "https://shop.example:0/"),
        ("webhook_url", "https://shop.example:99999/"),
        ("webhook_url", "https://[::1/"),
        ("webhook_url", "https://shop.example/a b"),
        ("webhook_url", "https://shop.example/a\x7fb"),
        ("webhook_url", "https://shop.example/" + "x" * 3_000),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_name(name, value):
    with pytest.raises(InvalidOptionError) as caught:
        parse(allow_http_webhook=True, **{name: value})

    assert caught.value.name == name
    assert caught.value.allowed in str(caught.value)
    assert value not in str(caught.value)


def test_an_unknown_option_is_refused_with_those_that_are_known():
    with pytest.raises(InvalidOptionError) as caught:
        parse(colour="red")

    assert caught.value.name == "colour"
    assert all(name in str(caught.value) for name in OPTION_NAMES)


def test_a_reference_may_have_256_characters():
    assert parse(client_reference="x" * 256).client_reference == "x" * 256


def test_a_plain_http_webhook_is_for_stage_local_alone():
    assert parse(allow_http_webhook=True, webhook_url="http://localhost:9000/").webhook_url == "http://localhost:9000/"
    with pytest.raises(InvalidOptionError, match="https URL"):
        parse(webhook_url="http://shop.example/")


@pytest.mark.parametrize("options", [ImageOptions(), ImageOptions(80, OutputFormat.AVIF, 1_000, 2_000)])
def test_image_options_come_back_from_what_is_kept_of_them(options):
    kept = options.as_dict()
    from_the_table = {name: Decimal(value) if type(value) is int else value for name, value in kept.items()}

    assert ImageOptions.from_dict(kept) == options
    assert ImageOptions.from_dict(from_the_table) == options


NEVER_CALLED = [
    ("https://shop.example:8443/hook", "port 8443"),
    ("https://10.0.0.1/", "public"),
    ("https://10.1/", "public"),
    ("https://0x7f.1/", "public"),
    ("https://2130706433/", "public"),
    ("https://169.254.169.254/latest", "public"),
    ("https://[::1]/", "public"),
    ("https://[::ffff:10.0.0.1]/", "public"),
    ("https://localhost/", "own machine"),
    ("https://api.localhost./", "own machine"),
    ("https://a..b/", "no host"),
]


@pytest.mark.parametrize(("url", "reason"), NEVER_CALLED)
def test_a_webhook_that_the_guard_would_never_call_is_refused_with_the_reason(url, reason):
    with pytest.raises(InvalidOptionError, match=reason):
        parse(webhook_url=url)


@pytest.mark.parametrize(
    "url", ["https://shop.example:443/", "https://1.1.1.1/", "https://[2606:4700::1111]/", "https://bücher.example/"]
)
def test_one_that_may_be_called_is_kept_as_it_was_given(url):
    assert parse(webhook_url=url).webhook_url == url


def test_locally_loopback_and_any_port_are_called_and_nothing_more():
    for url in ("http://127.0.0.1:9000/", "https://localhost:8443/", "http://[::1]:1/"):
        assert parse(allow_http_webhook=True, webhook_url=url).webhook_url == url
    with pytest.raises(InvalidOptionError, match="public"):
        parse(allow_http_webhook=True, webhook_url="http://10.0.0.1/")
