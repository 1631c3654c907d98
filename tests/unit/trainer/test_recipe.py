from pathlib import Path

import pytest

from runtime.errors import InputError
from trainer.recipe import FOLDER, Recipe, load

GOOD = 'name = "x"\nencoder = "minilm-en"\nepochs = 1\nlearning_rate = 1e-3\n'


def written(folder: Path, content: str) -> Path:
    file = folder / "own.toml"
    file.write_text(content)
    return file


def test_the_shipped_recipes_load_by_name_and_are_named_like_their_files() -> None:
    names = sorted(file.stem for file in FOLDER.glob("*.toml"))
    assert {"accurate", "fast"} <= set(names)
    assert [load(name)[0].name for name in names] == names


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    _, first, content = load(written(tmp_path, GOOD))
    assert content == GOOD.encode()
    _, second, _ = load(written(tmp_path, GOOD + "# a word\n"))
    assert first != second


def test_fields_that_are_left_out_have_defaults(tmp_path: Path) -> None:
    recipe, _, _ = load(written(tmp_path, GOOD))
    assert recipe == Recipe(name="x", encoder="minilm-en", epochs=1, learning_rate=1e-3)
    assert recipe.lora.rank == 16


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("warmup = 1.5", r"`float` < 1.0 - at `\$.warmup` \(value 1.5\)"),
        ("[lora]\nrank = 0", r"`int` >= 1 - at `\$.lora.rank` \(value 0\)"),
        ("max_length = 'long'", r"at `\$.max_length` \(value 'long'\)"),
        ("learning_speed = 1", r"unknown field `learning_speed`"),
        ("[augment]\ndrop_sentences = 0.1", r"unknown field `drop_sentences`"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_where_it_is_explained(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message + r".*; the fields are explained in trainer/recipe\.py"):
        load(written(tmp_path, GOOD + line))


def test_an_absent_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing required field `encoder`"):
        load(written(tmp_path, 'name = "x"'))


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no TOML"):
        load(written(tmp_path, "name: x"))


def test_an_unknown_recipe_is_refused_with_the_shipped_ones() -> None:
    with pytest.raises(InputError, match=r"no recipe nothing: .*; give a TOML file or one of accurate, .*fast"):
        load("nothing")
