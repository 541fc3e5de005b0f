"""A page is read as a browser reads it, and what nobody put into the template is found."""

from __future__ import annotations

import pytest

from inprod.testing import dom

TEMPLATE = (
    '<!doctype html><title>R</title><article data-author="{author}"><p>{body}</p><a href="{link}">More</a></article>'
)
LIKE = dom.parse(TEMPLATE.format(author="Ana", body="Lindo", link="https://example.com"))


def page(author: str = "Ana", body: str = "Lindo", link: str = "https://example.com") -> dom.Element:
    """The template with these pieces as they are."""
    return dom.parse(TEMPLATE.format(author=author, body=body, link=link))


def test_text_is_decoded_once() -> None:
    """Entities become characters, in text and in attributes."""
    read = page(author="&lt;&#34;", body="5 &lt; 6 &amp; &amp;lt;")
    (article,) = read.find("article")
    assert article.attributes == {"data-author": '<"'}
    assert article.find("p")[0].text == "5 < 6 & &lt;"


def test_nothing_is_cleaned() -> None:
    """Handlers and scripts stay: a parser that repairs them would hide what it is asked for."""
    read = page(body="<img src=x onerror=alert(1)><script>alert(2)</script>")
    assert read.find("img")[0].attributes == {"src": "x", "onerror": "alert(1)"}
    assert read.find("script")[0].text == "alert(2)"


@pytest.mark.parametrize(
    "pieces",
    [
        {"body": "<b>x</b>"},
        {"body": "<script>alert(1)</script>"},
        {"body": "<template><img src=x></template>"},
        {"body": "</p><article data-author=x>"},
        {"body": "<svg><a xlink:href='javascript:alert(1)'>x</a></svg>"},
        {"author": 'x" onmouseover="alert(1)'},
        {"link": "javascript:alert(1)"},
        {"link": " JaVa\nScRiPt:alert(1)"},
        {"link": "\x01data:text/html,x"},
    ],
)
def test_foreign_parts_are_found(pieces: dict[str, str]) -> None:
    """Elements, attributes, and addresses that run something."""
    assert dom.foreign(page(**pieces), [LIKE]) != ""


@pytest.mark.parametrize(
    "pieces",
    [
        {},
        {"body": "&lt;script&gt;alert(1)&lt;/script&gt;", "author": "&quot; onmouseover=&quot;"},
        {"link": "http://example.com/javascript:alert(1)"},
        {"link": "/path:with:colons"},
        {"body": "<!-- a comment is nothing -->"},
    ],
)
def test_what_belongs_there_is_not(pieces: dict[str, str]) -> None:
    """Text is text, whatever it says."""
    assert dom.foreign(page(**pieces), [LIKE]) == ""


def test_scripts_of_the_template_are_known_by_their_text() -> None:
    """One with another text is foreign, also where its tag is not; data is no script."""
    known = dom.parse("<script>start()</script>")
    assert dom.foreign(dom.parse("<script>start()</script>"), [known]) == ""
    assert dom.foreign(dom.parse("<script>alert(1)</script>"), [known]) == "<script>alert(1)"
    data = [dom.parse(f'<script type="application/json">{text}</script>') for text in ("[1]", "[2]")]
    assert dom.foreign(data[1], [data[0]]) == ""


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        ("https://example.com", "https"),
        ("HTTP://example.com", "http"),
        ("java\tscript:x", "javascript"),
        (" \x00javascript:x", "javascript"),
        ("//example.com", ""),
        ("1javascript:x", ""),
        ("/a:b", ""),
    ],
)
def test_scheme_as_a_browser_sees_it(address: str, scheme: str) -> None:
    """Spaces, tabs, line ends and upper case don't hide it."""
    assert dom.scheme(address) == scheme


def test_an_element_is_told_shortly() -> None:
    """A card has no room for a page."""
    assert str(page(author="x" * 500).find("article")[0]).endswith("…")
