"""What the documents say of the code is so."""

import re
from pathlib import Path

import typer.main

from bellwether.cli.app import app

ROOT = Path(__file__).parents[2]
PACKAGES = ("bellwether", "streams", "trainer", "models", "wire", "runtime")


def modules() -> list[str]:
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return sorted(str(file.relative_to(ROOT)) for file in files if file.name != "__init__.py")


def documents() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def links(text: str) -> list[str]:
    """Targets of Markdown links into this repository, without their anchors."""
    targets = re.findall(r"\]\(<?([^)\s>]+)", text)
    return [path for one in targets if not re.match(r"[a-z]+:", one) and (path := one.partition("#")[0])]


def paths(text: str) -> list[str]:
    """Words in backticks that begin with one of our folders; one with a `<placeholder>` is no path."""
    folders = (*PACKAGES, "tests", "docs")
    words = [word.strip("'\"") for said in re.findall(r"`([^`\n]+)`", text) for word in said.split() if "<" not in word]
    return [word.partition("::")[0] for word in words if word.startswith(tuple(f"{folder}/" for folder in folders))]


def commands() -> list[str]:
    def walk(command: object, path: str) -> list[str]:
        children = getattr(command, "commands", None)
        if children is None:
            return [path]
        return [found for name, child in children.items() for found in walk(child, f"{path} {name}".strip())]

    return walk(typer.main.get_command(app), "")


def test_every_module_has_its_line_in_the_module_table():
    table = (ROOT / "docs" / "architecture.md").read_text()
    assert len(modules()) > 40
    missing = [module for module in modules() if f"`{module}`" not in table]
    assert not missing, f"add a line to docs/architecture.md for {missing}"


def test_every_table_of_a_document_is_whole():
    """A line that lacks a cell, or has one too many, moves the words of another row into its own."""
    for document in documents():
        text = document.read_text()
        tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
        for table in tables:
            cells = {len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`\n]*`", "", row))) for row in table.splitlines()}
            assert len(cells) == 1, f"{document.relative_to(ROOT)}: {table[:200]}"
            assert table.count("\n") > 2, f"{document.relative_to(ROOT)}: {table[:200]}"


def test_the_module_table_names_no_module_that_is_gone():
    table = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"^\| `([a-z_/0-9]+\.py)` \|", table, flags=re.MULTILINE))
    assert named
    assert not named - set(modules())


def test_every_command_is_documented():
    text = (ROOT / "README.md").read_text() + (ROOT / "docs" / "commands.md").read_text()
    assert len(commands()) >= 15
    missing = [command for command in commands() if f"bellwether {command}" not in text]
    assert not missing


def test_every_link_and_every_path_in_a_document_leads_somewhere():
    texts = {document: document.read_text() for document in documents()}
    gone = [
        f"{document.relative_to(ROOT)}: {target}"
        for document, text in texts.items()
        for target in links(text)
        if not (document.parent / target).exists()
    ]
    gone += [
        f"{document.relative_to(ROOT)}: `{path}`"
        for document, text in texts.items()
        for path in paths(text)
        if not any(ROOT.glob(path))
    ]
    assert not gone, f"what a document names must exist: {gone}"


def test_links_and_paths_are_found_in_the_ways_that_documents_write_them():
    text = "[a](docs/x.md#y) [b](https://example.org/z) [c](#here) `tests/a.py::test_b` `pytest tests/unit -x` `a/b`"
    assert links(text) == ["docs/x.md"]
    assert paths(text) == ["tests/a.py", "tests/unit"]


def test_every_target_that_make_is_told_of_has_a_rule_and_a_line_of_help():
    text = (ROOT / "Makefile").read_text()
    targets = text.partition("\n.PHONY:")[2].partition("\n")[0].split()
    assert "docs" in targets
    assert not [target for target in targets if not re.search(rf"^{target}:.* ## \w", text, flags=re.MULTILINE)]


def test_no_file_of_ours_is_longer_than_300_lines():
    long = [module for module in modules() if len((ROOT / module).read_text().splitlines()) > 300]
    assert not long, f"split by idea: {long}"
