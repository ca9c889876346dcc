"""The documents as their readers see them: links, anchors, code blocks, commands, tables, prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.account import PROJECT

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_INLINE_CODE = re.compile(r"`[^`]+`")
#: What of a heading GitHub leaves out of its anchor.
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block. language: empty where none is named."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(PROJECT).as_posix()

    @property
    def blocks(self) -> list[Block]:
        return [Block(language, text) for language, text in _FENCE.findall(self.text)]

    @property
    def prose(self) -> str:
        """All but the code blocks."""
        return _FENCE.sub("", self.text)

    @property
    def inline_code(self) -> list[str]:
        return [" ".join(code.strip("`").split()) for code in _INLINE_CODE.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        return _LINK.findall(_INLINE_CODE.sub("code", self.prose))

    @property
    def anchors(self) -> set[str]:
        """What GitHub makes of headings."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {_NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-") for heading in headings}

    @property
    def commands(self) -> Iterator[str]:
        """What is typed in the console blocks; lines that are indented belong to the one before."""
        for block in self.blocks:
            if block.language == "console":
                yield from re.findall(r"^\$ (.*(?:\n    .*)*)$", block.text, re.MULTILINE)

    def section(self, heading: str) -> str:
        """What stands below a heading, up to the next of the same or a higher level."""
        found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^(?!\1#)#+ |\Z)", self.prose, re.MULTILINE | re.DOTALL)
        assert found, f"{self.name} has no section '{heading}'"
        return found[2]


@cache
def document(name: str) -> Document:
    """name: its path from the project's root."""
    path = PROJECT / name
    return Document(path, path.read_text(encoding="utf-8"))


@cache
def documents() -> tuple[Document, ...]:
    paths = [*PROJECT.glob("*.md"), *PROJECT.glob(".github/*.md"), *PROJECT.glob("docs/**/*.md")]
    return tuple(document(path.relative_to(PROJECT).as_posix()) for path in sorted(paths))


def rows(text: str) -> list[list[str]]:
    """The cells of all tables in a text, without the heads."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if re.match(r"\|[ :|-]+\|$", line):
            found.pop()
        elif line.startswith("|"):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def codes(text: str) -> list[str]:
    """The inline code in a text."""
    return [code.strip("`") for code in _INLINE_CODE.findall(text)]
