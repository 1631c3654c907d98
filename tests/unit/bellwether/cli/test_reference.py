from pathlib import Path

from bellwether.cli import reference

ROOT = Path(__file__).parents[4]


def test_the_reference_in_the_documents_is_what_the_commands_say():
    """When this fails: python -m bellwether.cli.reference > docs/commands.md."""
    assert (ROOT / "docs" / "commands.md").read_text() == reference.render()


def test_every_command_tells_what_it_does_and_shows_an_example():
    sections = reference.render().split("\n## ")[1:]
    assert len(sections) >= 15
    silent = [section.splitlines()[0] for section in sections if "bellwether " not in "".join(section.splitlines()[1:])]
    assert not silent, f"no example in the help of {silent}"
