import inspect
from pathlib import Path

from runtime import errors


def test_the_tree_in_the_docstring_names_every_error_of_the_module():
    classes = [name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
    assert len(classes) > 8
    assert not [name for name in classes if name not in (errors.__doc__ or "")]


def test_an_unknown_version_tells_the_known_ones_or_how_to_build_some():
    assert (
        str(errors.VersionNotFoundError("v9", ["v7", "v8"])) == "no model version 'v9' in the registry; known: v7, v8"
    )
    assert "bellwether models build" in str(errors.VersionNotFoundError("v9", []))


def test_every_error_of_the_project_is_a_bellwether_error():
    root = Path(errors.__file__).parents[1]
    bases = ("BellwetherError", "Error)", "Error,")
    for package in ("streams", "models", "wire", "trainer", "bellwether"):
        for file in (root / package).rglob("*.py"):
            for line in file.read_text().splitlines():
                if line.startswith("class ") and "Error(" in line:
                    assert any(base in line for base in bases), f"{file.name}: {line}"
                    assert "(Exception)" not in line, f"{file.name}: {line}"
