import hashlib
from pathlib import Path

import pytest

from bellwether.broker.artefacts import Jar, class_path, pinned
from runtime.errors import ArtefactError

GOOD = b"a jar"
JAR = Jar("org.example:thing:1.2", hashlib.sha256(GOOD).hexdigest())


def brings(content: bytes):
    def fetch(jar: Jar, folder: Path) -> Path:
        path = folder / jar.file_name
        path.write_bytes(content)
        return path

    return fetch


def fails(jar: Jar, folder: Path) -> Path:
    raise RuntimeError("not found in remote repositories")


def test_all_jars_are_pinned_once_each_with_a_digest():
    jars = pinned()
    assert len(jars) == 45
    assert len({jar.file_name for jar in jars}) == 45
    assert {len(jar.sha256) for jar in jars} == {64}
    assert "org.apache.kafka:kafka_2.13:4.4.0" in {jar.coordinate for jar in jars}


def test_a_missing_jar_is_fetched_verified_and_kept(tmp_path: Path):
    said: list[str] = []
    found = class_path(tmp_path, jars=[JAR], fetch=brings(GOOD), announce=said.append)
    assert found == str(tmp_path / "thing-1.2.jar")
    assert Path(found).read_bytes() == GOOD
    assert said == ["fetching jar 1 of 1: org.example:thing:1.2"]
    assert not list(tmp_path.glob(".fetching-*"))


def test_a_full_cache_needs_nobody_to_fetch(tmp_path: Path):
    first = class_path(tmp_path, jars=[JAR], fetch=brings(GOOD))
    assert class_path(tmp_path, jars=[JAR], fetch=fails) == first


def test_a_jar_with_another_digest_is_never_put_on_the_class_path(tmp_path: Path):
    with pytest.raises(ArtefactError, match=r"org\.example:thing:1\.2 came with SHA-256 .* is pinned.*quarantine"):
        class_path(tmp_path, jars=[JAR], fetch=brings(b"another jar"))
    assert not (tmp_path / JAR.file_name).exists()
    assert (tmp_path / "quarantine" / JAR.file_name).read_bytes() == b"another jar"


def test_a_cached_jar_that_was_changed_is_refused_with_the_way_to_replace_it(tmp_path: Path):
    path = Path(class_path(tmp_path, jars=[JAR], fetch=brings(GOOD)))
    path.write_bytes(b"A jar")
    with pytest.raises(ArtefactError, match=rf"changed after it was fetched; remove it \(`rm '{path}'`\)"):
        class_path(tmp_path, jars=[JAR], fetch=fails)
    path.unlink()
    assert class_path(tmp_path, jars=[JAR], fetch=brings(GOOD)) == str(path)


def test_an_unreachable_registry_names_the_coordinate_and_a_way_out(tmp_path: Path):
    with pytest.raises(ArtefactError, match=r"org\.example:thing:1\.2 cannot be fetched: not found.*check the network"):
        class_path(tmp_path, jars=[JAR], fetch=fails)


def test_a_cache_that_cannot_be_written_says_where_and_what_to_do(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtefactError, match=r"cannot be kept in .*file.*free some space"):
        class_path(tmp_path / "file", jars=[JAR], fetch=brings(GOOD))
