"""The documents hold together: links lead somewhere, nothing is said twice, what is named is there."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from imagemill import __version__
from tests.support.account import PROJECT
from tests.support.documents import Document, codes, document, documents, rows

CODE_ROOTS = (PROJECT, PROJECT / "layers/core/imagemill")
#: Written once and left as they are: they may name what was.
HISTORY = ("CHANGELOG.md", "docs/decisions/")
DECISIONS = [doc for doc in documents() if re.search(r"decisions/\d", doc.name)]
BY_NAME = pytest.mark.parametrize("doc", documents(), ids=lambda doc: doc.name)


def anchors_of(path: Path) -> set[str]:
    return document(path.relative_to(PROJECT).as_posix()).anchors


def dead_ends(doc: Document) -> list[str]:
    found = []
    for link in doc.links:
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (doc.path.parent / path).resolve() if path else doc.path
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            found.append(link)
    return found


@BY_NAME
def test_every_link_leads_somewhere(doc):
    assert dead_ends(doc) == []


def test_every_document_is_reached_from_the_readme():
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        doc = document(name)
        paths = [link.partition("#")[0] for link in doc.links if not re.match(r"[a-z]+:|#", link)]
        targets = [(doc.path.parent / path).resolve().relative_to(PROJECT).as_posix() for path in paths]
        waiting += [target for target in targets if target.endswith(".md")]

    assert {doc.name for doc in documents() if not doc.name.startswith(".github/")} <= reached


@BY_NAME
def test_every_table_is_whole(doc):
    width = 0
    for line in doc.prose.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1 if line.startswith("|") else 0
        assert not width or cells in {0, width}, line
        width = cells
        assert not re.search(r"-\|", line) or re.fullmatch(r"(\| ?:?-+:? ?)+\|", line), line


def test_documents_that_the_code_names_are_there():
    files = [PROJECT / "template.yaml", PROJECT / "Makefile"]
    files += [path for folder in ("bench", "functions", "layers", "local") for path in (PROJECT / folder).rglob("*.py")]
    named = {match for path in files for match in re.findall(r"docs/[\w./-]+\.md(?:#[\w-]+)?", path.read_text("utf-8"))}

    assert len(named) > 10
    for name in named:
        path, _, anchor = name.partition("#")
        assert (PROJECT / path).exists(), name
        assert not anchor or anchor in document(path).anchors, name


@BY_NAME
def test_files_that_a_document_names_are_there(doc):
    if doc.name.startswith(HISTORY):
        return
    named = [
        code for code in doc.inline_code if re.fullmatch(r"[\w./-]+\.(py|json|yaml|toml|md)", code) and "/" in code
    ]
    generated = (".local/", "out/")
    missing = [
        name
        for name in named
        if not name.startswith(generated) and not any((root / name).exists() for root in CODE_ROOTS)
    ]

    assert missing == []


def test_no_sentence_stands_twice():
    places = defaultdict(list)
    for doc in documents():
        prose = re.sub(r"^(\||#).*$", "", doc.prose, flags=re.MULTILINE)
        for paragraph in re.split(r"\n\s*\n|\n(?=- |\d+\. )", prose):
            for sentence in re.split(r"(?<=[.:;])\s+", " ".join(paragraph.split())):
                if len(sentence) > 40:
                    places[sentence].append(doc.name)

    assert len(places) > 500
    assert {sentence: names for sentence, names in places.items() if len(names) > 1} == {}


def tree_names() -> list[str]:
    """The modules of the architecture's tree: those that begin a line, and those that stand beside their folder."""
    [tree] = [block.text for block in document("docs/architecture.md").blocks if not block.language]
    folders: list[tuple[int, str]] = []
    found = []
    for line in tree.splitlines():
        indent = len(line) - len(line.lstrip())
        while folders and folders[-1][0] >= indent:
            folders.pop()
        folder = re.match(r" *([\w/]+/)(?: |$)", line)
        if folder:
            folders.append((indent, folder[1]))
        begun = re.match(r" *((?:\w+\.py +)*\w+\.py\b)?", line)
        names = re.findall(r"\b\w+\.py\b", line if folder else begun[0] if begun else "")
        found += ["".join(name for _, name in folders) + name for name in names]
    return found


def test_the_tree_of_the_architecture_is_that_of_the_code():
    real = {
        path.relative_to(PROJECT).as_posix()
        for folder in ("functions", "layers/core/imagemill")
        for path in (PROJECT / folder).rglob("*.py")
        if path.name != "__init__.py"
    }

    assert sorted(tree_names()) == sorted(real)


def test_the_architecture_points_at_what_is_there():
    found = rows(document("docs/architecture.md").section("Where to find"))

    assert len(found) > 5
    for _, where in found:
        files = [name for name in codes(where) if "." in name]
        sources = [(root / name).read_text("utf-8") for name in files for root in CODE_ROOTS if (root / name).exists()]
        assert len(sources) == len(files), where
        words = set(re.findall(r"\w+", "".join(sources)))
        assert set(codes(where)) - set(files) <= words, where


def test_every_decision_has_a_date_a_status_and_its_place_in_the_index():
    index = document("docs/decisions/README.md")
    listed = re.findall(
        r"^- \[(\d{4})\]\((.+?)\) (.+?)(?: \(superseded by \d{4}\))?$", re.sub(r"\n  ", " ", index.text), re.MULTILINE
    )

    assert [name for _, name, _ in listed] == [doc.path.name for doc in DECISIONS]
    numbers = [number for number, *_ in listed]
    assert numbers == sorted(set(numbers))
    for doc, (number, _, title) in zip(DECISIONS, listed, strict=True):
        assert doc.path.name.startswith(f"{number}-")
        assert doc.text.startswith(f"# {title}\n"), doc.name
        assert re.search(r"^\d{4}-\d\d-\d\d\. Status: (accepted|superseded)", doc.text, re.MULTILINE), doc.name


def test_a_decision_that_is_superseded_and_the_one_that_does_it_name_each_other():
    pairs = {
        way: {
            (doc.path.name, link)
            for doc in DECISIONS
            for link in re.findall(rf"{way} \[\d{{4}}\]\(([\w.-]+)\)", " ".join(doc.text.split()))
        }
        for way in ("superseded by", "supersedes")
    }

    assert pairs["superseded by"]
    assert pairs["superseded by"] == {(old, new) for new, old in pairs["supersedes"]}


def test_the_glossary_defines_its_words_once_and_in_the_order_of_the_contract():
    words = re.findall(r"^### (\w+)$", document("docs/glossary.md").text, re.MULTILINE)

    expected = ["job", "run", "product", "image", "chunk", "ledger", "layout", "receive", "source", "feed", "once"]
    assert words == expected


def test_the_changelog_has_what_is_released_and_what_is_not():
    headings = re.findall(r"^## (.+)$", document("CHANGELOG.md").text, re.MULTILINE)

    assert headings[0] == "[Unreleased]"
    assert any(heading.startswith(f"[{__version__}] - ") for heading in headings)


def test_the_changelog_names_what_there_is():
    changed = rows(document("CHANGELOG.md").section("Names that changed"))
    sources = [path for folder in ("functions", "layers") for path in (PROJECT / folder).rglob("*.py")]
    words = set(re.findall(r"\w+", "".join(path.read_text("utf-8") for path in sources)))

    assert len(changed) > 10
    assert {name.rpartition(".")[2] for _, new in changed for name in codes(new)} <= words


def test_the_workflow_and_the_first_line_for_contributors_run_what_has_to_be_green():
    script = (PROJECT / ".ci/run").read_text("utf-8")
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text("utf-8"))
    first_line = document("CONTRIBUTING.md").text.splitlines()[0]

    [job] = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert codes(first_line)[0].split() == ["make", *re.findall(r"^make (\w+)$", script, re.MULTILINE)]
