"""What an OpenVINO graph of a version may say: standard operations, with no file but the weights beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from runtime.errors import CorruptVersionError

_STANDARD = re.compile(r"opset[0-9]+")
"""OpenVINO's own sets of operations; `extension` and other names would be code of a library."""


def check(folder: Path, names: Iterable[str]) -> None:
    """Look through all graphs of a version whose digests hold.

    Args:
        folder: the version.
        names: of all its files.

    Raises:
        CorruptVersionError: one is no plain XML, has an operation outside of OpenVINO's own sets, or names a file.
    """
    for path in sorted(folder / name for name in names if name.endswith(".xml")):
        content = path.read_bytes()
        if b"<!" in content or b"\0" in content:  # a document type or another encoding; no graph has them
            raise CorruptVersionError(f"{path} declares what no graph needs; build the version again")
        try:
            for _, node in ElementTree.iterparse(io.BytesIO(content)):
                _check_node(node, path)
                node.clear()
        except (ElementTree.ParseError, ValueError) as error:
            raise CorruptVersionError(f"{path} is no XML: {error}; build the version again") from error


def _check_node(node: ElementTree.Element, path: Path) -> None:
    if node.tag == "layer" and not _STANDARD.fullmatch(node.get("version", "")):
        raise CorruptVersionError(
            f"{path} has operation {node.get('type')!r} of {node.get('version')!r}, which is none of OpenVINO's own; "
            "use a stock architecture"
        )
    if node.tag == "data":
        for name, value in node.attrib.items():
            if "/" in value or "\\" in value:
                raise CorruptVersionError(
                    f"{path} has {name!r}: {value!r}, a path; a graph needs nothing but {path.with_suffix('.ov').name}"
                )
