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


def test_no_file_of_ours_is_longer_than_300_lines():
    long = [module for module in modules() if len((ROOT / module).read_text().splitlines()) > 300]
    assert not long, f"split by idea: {long}"
