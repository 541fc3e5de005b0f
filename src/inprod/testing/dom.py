"""A page as a browser reads it: what is in it, and what of it nobody put into the template."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from justhtml import JustHTML

#: Attributes that lead somewhere, or that are loaded.
_ADDRESSES = frozenset(
    {"href", "xlink:href", "src", "srcdoc", "srcset", "action", "formaction", "data", "poster", "background", "ping"}
)
#: What browsers drop from an address before they look at its scheme.
_AROUND = "".join(map(chr, range(0x21)))
_WITHIN = re.compile(r"[\t\n\r]")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
#: Schemes of addresses that are programs or pages by themselves.
_RUNS = ("javascript", "data", "vbscript", "blob", "filesystem")
_LONGEST = 80

Shape = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Element:
    """A tag of the page, with what is in it."""

    tag: str
    attributes: dict[str, str]
    children: tuple[Element | str, ...]

    @property
    def text(self) -> str:
        """All text in it."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self) -> Iterator[Element]:
        """It, and every element in it, in the order of the page."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.all()

    def find(self, tag: str) -> list[Element]:
        """The elements in it that have this tag."""
        return [element for element in self.all() if element.tag == tag]

    @property
    def shape(self) -> Shape:
        """Its tag and the names of its attributes."""
        return self.tag, tuple(sorted(self.attributes))

    def __str__(self) -> str:
        """Its opening tag, short enough for a sentence."""
        told = "".join(f' {name}="{value}"' if value else f" {name}" for name, value in self.attributes.items())
        shown = f"<{self.tag}{told}>"
        return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def parse(html: str) -> Element:
    """The page, read by the rules of the HTML standard, mistakes included, and changed in nothing."""
    return _element("#document", JustHTML(html, sanitize=False).root)


def _element(tag: str, node: Any) -> Element:
    children: list[Element | str] = []
    for child in (*(node.children or ()), *(getattr(getattr(node, "template_content", None), "children", None) or ())):
        if child.name == "#text":
            children.append(str(child.data))
        elif not child.name.startswith(("#", "!")):
            children.append(_element(child.name.lower(), child))
    attributes = {name.lower(): value or "" for name, value in (node.attrs or {}).items()}
    return Element(tag, attributes, tuple(children))


def scheme(address: str) -> str:
    """The scheme that a browser sees, in small letters; empty where there is none."""
    found = _SCHEME.match(_WITHIN.sub("", address.lstrip(_AROUND)))
    return found[1].lower() if found else ""


def foreign(page: Element, like: Sequence[Element]) -> str:
    """What of `page` is in none of the pages `like` it, as the learner reads it; empty where there is nothing.

    That is: an element with its attributes more often than in any of those, another script, or an address
    with a scheme that runs something.
    """
    allowed: Counter[Shape] = Counter()
    scripts = {""}
    for known in like:
        allowed |= Counter(element.shape for element in known.all())
        scripts |= {script.text.strip() for script in known.find("script") if _runs(script)}
    for element in page.all():
        for name, value in element.attributes.items():
            if name in _ADDRESSES and scheme(value) in _RUNS:
                return str(element)
        if element.tag == "script" and _runs(element) and element.text.strip() not in scripts:
            return f"{element}{element.text.strip()[:_LONGEST]}"
        allowed[element.shape] -= 1
        if allowed[element.shape] < 0:
            return str(element)
    return ""


def _runs(script: Element) -> bool:
    """Whether a browser executes it; another type is data."""
    kind = script.attributes.get("type", "").strip().lower()
    return kind in ("", "module") or "javascript" in kind or "ecmascript" in kind
