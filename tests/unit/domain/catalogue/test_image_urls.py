"""Contract A1: how a field lists URLs, and which of them can be tried."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.domain.catalogue.image_urls import ABSOLUTE, UrlFormat, is_valid_url, split_urls, with_urls

A, B, C = "https://a.example/1.jpg", "http://b.example/2.png", "HTTPS://c.example/3.webp"


@pytest.mark.parametrize("separator", [",", ";", "|", "\n", "\r", "\r\n", ", ", " ;\t", ",\n", ",,", "|;|"])
def test_urls_are_cut_at_each_separator_and_stripped(separator: str):
    assert split_urls(f" {A}{separator}{B}{separator}{C} ") == (A, B, C)


@pytest.mark.parametrize("field", ["", " ", ",", " ,; \n|\r\n ,", "\u00a0"])
def test_empty_pieces_are_no_urls(field: str):
    assert split_urls(field) == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example/a?size=1,2",
        "https://x.example/a.jpg?size=1,2,3&fit=a,b/c",
        "https://x.example/a?list=1,,2",
        "https://x.example/a?next=1,ftp://y.example/b",
        "https://x.example/a/b.jpg?crop=10, 20",
    ],
)
def test_a_comma_inside_a_query_stays_part_of_the_url(url: str):
    assert split_urls(f"{A},{url},{B}") == (A, url, B)


def test_a_query_ends_where_the_next_url_begins():
    assert split_urls("https://x.example/?a=1,HTTP://y.example/?b=2,3,https://z.example/") == (
        "https://x.example/?a=1",
        "HTTP://y.example/?b=2,3",
        "https://z.example/",
    )


@pytest.mark.parametrize("rest", [",", ",,", " , "])
def test_a_comma_behind_the_last_url_is_not_part_of_its_query(rest: str):
    assert split_urls(f"https://x.example/?a=1{rest}") == ("https://x.example/?a=1",)


@pytest.mark.parametrize(
    "url",
    [
        "https://res.example/upload/w_100,h_100/x.jpg",
        "https://res.example/upload/c_fill,w_100,h_100,q_auto/x.jpg",
        "https://res.example/upload/w_0.5,h_0.5/x.jpg",
        "https://res.example/upload/w_1,h_1/e_a,o_2/v1/x.jpg?v=1,2",
    ],
)
def test_a_comma_inside_a_transformation_path_stays_part_of_the_url(url: str):
    assert split_urls(f"{url},{A},{url}") == (url, A, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example/a.jpg,b/c.jpg",
        "https://x.example/a,b.jpg",
        "https://x.example/123_High_Street,_London.jpg",
        "https://x.example/a, b.jpg",
        "https://x.example/a b;c|d.jpg",
        "https://x.example/a,ftp://y.example/d",
        "https://x.example/a,,b/c.jpg",
        "https://x.example/?a=1;b=2|c",
        "https://x.example/?u=https://y.example/1.jpg",
        "https://x.example//a//b.jpg",
        "https://x.example/a,// b.jpg",
    ],
)
def test_a_separator_stays_in_the_url_where_none_begins_behind_it(url: str):
    assert split_urls(f"{A},{url},{B}") == (A, url, B)


@pytest.mark.parametrize(
    ("field", "urls"),
    [
        (f"n/a,{A}", ("n/a", A)),
        (f"{A} {B}", (A, B)),
        (f"{A}\u00a0{B}\u200b", (A, B)),
        ("//x.example/1.jpg, //y.example/2.jpg", ("https://x.example/1.jpg", "https://y.example/2.jpg")),
        (f"\ufeff{A}\u200b;\u2060{B}\u00ad", (A, B)),
        ("https://x.example/?a=1&amp;b=2&#038;c=3&#x26;d", ("https://x.example/?a=1&b=2&c=3&d",)),
        (f"{A}&amp;,{B}", (f"{A}&", B)),
        (f'["{A}", "{B}"]', (A, B)),
        (f' [ "{A}" ] ', (A,)),
        (
            r'["https:\/\/x.example\/a.jpg","//y.example/\u00e9,b.jpg", ""]',
            ("https://x.example/a.jpg", "https://y.example/é,b.jpg"),
        ),
        ("[]", ()),
        (f'["{A}", 1]', (f'["{A}", 1]',)),
        (r'["\ud800"]', (r'"\ud800"',)),
    ],
)
def test_lists_of_shops_are_understood(field: str, urls: tuple[str, ...]):
    assert split_urls(field) == urls


@pytest.mark.parametrize("tail", [",a/", ",a", ",", ",?", ",https://x.example/"])
def test_a_field_of_a_mebibyte_is_cut_in_one_pass(tail: str):
    field = "https://x.example/" + tail * (1024 * 1024 // len(tail))

    assert "".join(split_urls(field)).replace(",", "") == field.replace(",", "")


#: What lists are made of, and what surrounds and separates URLs.
PIECES = st.lists(
    st.sampled_from(
        [A, B, "//y.example/1", "/m/1.jpg", "2.png", "a", ",", ";", "|", " ", "\n", "\u200b", "&amp;", "//", '"', "["]
    ),
    max_size=12,
).map("".join)


@given(PIECES)
def test_no_text_is_lost_or_invented(field: str):
    kept = "".join(split_urls(field)).replace("https:", "")

    assert [c for c in kept if c.isalnum()] == [
        c for c in field.replace("&amp;", "").replace("https:", "") if c.isalnum()
    ]


@given(
    PIECES, st.sampled_from([ABSOLUTE, UrlFormat("https://shop.example/m", ","), UrlFormat("https://shop.example/m")])
)
def test_only_urls_change_where_others_take_their_place(field: str, urls: UrlFormat):
    found = split_urls(field, urls)
    others = {url: f"https://images.example/{number}.jpg" for number, url in enumerate(found)}

    replaced = with_urls(field, urls, others)

    assert split_urls(replaced, urls) == tuple(others[url] for url in found)
    assert with_urls(field, urls, {}) == field
    assert with_urls(field, urls, {url: url for url in found if "&" not in url and url in field}) == field


@pytest.mark.parametrize(
    ("field", "separators", "urls"),
    [
        ("/m/b/1.jpg,/m/b/2.jpg", ",", ("https://s.example/p/m/b/1.jpg", "https://s.example/p/m/b/2.jpg")),
        ("a.jpg;b,c.jpg", ";", ("https://s.example/p/a.jpg", "https://s.example/p/b,c.jpg")),
        ("a.jpg, b.jpg", None, ("https://s.example/p/a.jpg", "https://s.example/p/b.jpg")),
        ("123,_London.jpg", None, ("https://s.example/p/123,_London.jpg",)),
        (f"a.jpg,{A}", ",", ("https://s.example/p/a.jpg", A)),
        ("ftp://x/1.jpg", ",", ("ftp://x/1.jpg",)),
        ("no_selection,//y.example/2.jpg", ",", ("https://y.example/2.jpg",)),
        ('["a.jpg", "/b.jpg"]', ",", ("https://s.example/p/a.jpg", "https://s.example/p/b.jpg")),
    ],
)
def test_a_base_completes_urls_without_a_host(field: str, separators: str | None, urls: tuple[str, ...]):
    assert split_urls(field, UrlFormat("https://s.example/p/", separators, frozenset({"no_selection"}))) == urls


def test_a_base_with_a_query_is_gone_on_with():
    assert split_urls("/a.jpg", UrlFormat("https://s.example/resize?path=", ",")) == (
        "https://s.example/resize?path=/a.jpg",
    )


@pytest.mark.parametrize(
    "url",
    [
        A,
        C,
        "http://x.example",
        "https://x.example:8443/a",
        "https://x.example:/a",
        "https://93.184.216.34/a.jpg",
        "https://[2606:2800::1]/a.jpg",
        "https://bücher.example/ä.jpg",
        "https://x.example/a?b=1,2#c",
        "https://x.example/@2x.png",
        "https://x.example/a b.jpg",
        "https://x.example/" + "a" * (2_048 - len("https://x.example/")),
    ],
)
def test_an_absolute_web_address_may_be_tried(url: str):
    assert is_valid_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "n/a",
        "x.example/a.jpg",
        "//x.example/a.jpg",
        "/a.jpg",
        "https:/x.example/a.jpg",
        "https://",
        "https:///a.jpg",
        "https://:443/a.jpg",
        "ftp://x.example/a.jpg",
        "file:///etc/passwd",
        "javascript://x.example/%0a",
        "data:image/png;base64,AAAA",
        "https://user:secret@x.example/a.jpg",
        "https://user@x.example/a.jpg",
        "https://@x.example/a.jpg",
        "https://x.example\\@y.example/a.jpg",
        "https://x.example:0/a.jpg",
        "https://x.example:65536/a.jpg",
        "https://x.example:http/a.jpg",
        "https://[::1/a.jpg",
        "https://[x.example]/a.jpg",
        "https://x.example/a.jpg\n",
        "https://x.exa\tmple/a.jpg",
        "https://x.example/\u2028",
        "https://x.example/\x00",
        "https://x.example/\x7f",
        "https://x.example/\x85",
        "https://x.example/\x9f",
        "https://x.example/" + "a" * (2_049 - len("https://x.example/")),
    ],
)
def test_anything_else_may_not(url: str):
    assert not is_valid_url(url)


@given(st.text(max_size=80), st.sampled_from(["", "https://", "http://[", "https://x.example:"]))
def test_validity_has_an_answer_for_any_text(text: str, beginning: str):
    assert is_valid_url(beginning + text) in {True, False}
