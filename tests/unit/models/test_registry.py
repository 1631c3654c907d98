from __future__ import annotations

from pathlib import Path

import pytest

from models import keys, manifest, registry
from models.manifest import Manifest
from runtime.errors import CorruptVersionError, InputError, VersionNotFoundError

NAME = "v-0123456789"


@pytest.fixture
def one_version(tmp_path: Path) -> Path:
    """A registry with one signed version that holds a config alone."""
    folder = tmp_path / "registry" / NAME
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    keys.ensure(tmp_path / "keys")
    facts = Manifest(
        format=manifest.FORMAT, version=NAME, created_at="", encoder="tiny", cleaning="1", max_tokens=48, tasks={},
        engines={}, canaries=[], lineage=manifest.Lineage("", "", 0, None, "", "", ""), metrics={},
        files=manifest.describe_files(folder),
    )  # fmt: skip
    manifest.write_signed(folder, facts, tmp_path / "keys")
    return tmp_path / "registry"


def test_a_version_is_found_by_alias_name_and_folder(one_version: Path) -> None:
    registry.set_alias(one_version, "accurate", NAME)
    for name in ("accurate", NAME, str(one_version / NAME)):
        assert registry.resolve(name, one_version).name == NAME


def test_an_unknown_version_is_named_with_the_known_ones(one_version: Path) -> None:
    registry.set_alias(one_version, "fast", NAME)
    with pytest.raises(VersionNotFoundError, match=rf"no model version 'v-9' in the registry; known: {NAME} \(fast\)"):
        registry.resolve("v-9", one_version)


def test_an_empty_registry_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(VersionNotFoundError, match="known: none; build the shipped ones with `bellwether models"):
        registry.resolve("accurate", tmp_path / "absent")


@pytest.mark.parametrize("version", ["..", ".", "../registry", "aliases.json"])
def test_a_name_that_is_no_version_is_not_taken_for_a_folder(version: str, one_version: Path) -> None:
    with pytest.raises(VersionNotFoundError, match="no model version"):
        registry.resolve(version, one_version)


def test_an_alias_moves_and_the_others_stay(one_version: Path) -> None:
    registry.set_alias(one_version, "accurate", NAME)
    registry.set_alias(one_version, "fast", "v-aaaaaaaaaa")
    registry.set_alias(one_version, "fast", NAME)
    assert registry.aliases(one_version) == {"accurate": NAME, "fast": NAME}
    assert [path.name for path in one_version.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("alias", ["v-0123456789", "Mine", "a/b", ""])
def test_an_alias_that_could_be_taken_for_something_else_is_refused(alias: str, one_version: Path) -> None:
    with pytest.raises(InputError, match="is no alias; use lower-case letters"):
        registry.set_alias(one_version, alias, NAME)


def test_damaged_aliases_are_named(one_version: Path) -> None:
    (one_version / registry.ALIASES_FILE).write_text("[]")
    with pytest.raises(InputError, match=r"aliases\.json is no JSON object of names"):
        registry.aliases(one_version)


def test_listing_shows_aliases_and_skips_what_is_unfinished(one_version: Path) -> None:
    registry.set_alias(one_version, "fast", NAME)
    (one_version / "v-bbbbbbbbbb").mkdir()
    (one_version / "v-cccccccccc").mkdir()
    (one_version / "v-cccccccccc" / "manifest.json").write_text("damaged")
    listed = registry.versions(one_version)
    assert [(one.name, one.aliases, one.manifest is None) for one in listed] == [
        (NAME, ("fast",), False),
        ("v-cccccccccc", (), True),
    ]


def test_a_version_under_another_name_is_refused(one_version: Path) -> None:
    (one_version / NAME).rename(one_version / "v-bbbbbbbbbb")
    with pytest.raises(CorruptVersionError, match=f"holds version {NAME}; move it to its own name"):
        registry.verified(one_version / "v-bbbbbbbbbb", one_version.parent / "keys" / keys.TRUST_FILE)
