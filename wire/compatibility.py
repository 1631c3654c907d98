"""What a schema may not do to those who wrote or read the version before it.

Both sides of a topic are deployed apart and old messages lie there for days, so within a version a message may only
gain optional fields, wider bounds and further enum values. Anything else is a new version: another `…vN` topic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


def breaks(old: Schema, new: Schema) -> list[str]:
    """Sentences, one for each break; empty where `new` is compatible with `old`."""
    return list(_breaks(_Node(old, old), _Node(new, new), "$"))


class _Node:
    """A schema with the document that its references point into."""

    def __init__(self, root: Schema, schema: Schema) -> None:
        self.root = root
        while "$ref" in schema:
            schema = root["$defs"][str(schema["$ref"]).rsplit("/", 1)[-1]]
        self.schema = schema

    def child(self, schema: Schema) -> _Node:
        return _Node(self.root, schema)

    def variants(self) -> dict[str, _Node]:
        """Type name to the schema of that type: one, or several for a union."""
        nodes = [self.child(item) for item in self.schema.get("anyOf", [self.schema])]
        return {node.type(): node for node in nodes}

    def type(self) -> str:
        if "type" in self.schema:
            return str(self.schema["type"])
        return "enum" if "enum" in self.schema else "any"


def _breaks(old: _Node, new: _Node, path: str) -> Iterator[str]:
    before, after = old.variants(), new.variants()
    if before.keys() != after.keys():
        yield f"{path} was {_either(before)} and is {_either(after)}: a field keeps its type"
        return
    for kind, was in before.items():
        now = after[kind]
        yield from _values(was.schema, now.schema, path)
        if kind == "object":
            yield from _fields(was, now, path)
        if "items" in was.schema and "items" in now.schema:
            yield from _breaks(was.child(was.schema["items"]), now.child(now.schema["items"]), path + "[]")


def _either(variants: Mapping[str, _Node]) -> str:
    return " or ".join(sorted(variants))


def _values(old: Schema, new: Schema, path: str) -> Iterator[str]:
    if "enum" in new and "enum" not in old:
        yield f"{path} took any value and now takes only {new['enum']}"
    lost = [value for value in old.get("enum", []) if value not in new.get("enum", [value])]
    if lost:
        yield f"{path} no longer takes {lost}: an enum only grows"
    for bound, narrows in (("minimum", max), ("maximum", min)):
        if bound in new and (
            bound not in old or (new[bound] != old[bound] and narrows(new[bound], old[bound]) == new[bound])
        ):
            yield f"{path} has {bound} {new[bound]}, it was {old.get(bound, 'without')}: bounds only widen"
    if old.get("format") != new.get("format"):
        yield f"{path} had format {old.get('format')} and has {new.get('format')}: a field keeps its type"


def _fields(old: _Node, new: _Node, path: str) -> Iterator[str]:
    before, after = old.schema.get("properties", {}), new.schema.get("properties", {})
    for name in before:
        if name not in after:
            yield f"{path}.{name} was removed: readers look for it"
        else:
            yield from _breaks(old.child(before[name]), new.child(after[name]), f"{path}.{name}")
    required_before, required_after = set(old.schema.get("required", [])), set(new.schema.get("required", []))
    for name in sorted(required_after - required_before):
        yield f"{path}.{name} became required: messages without it lie in the topic"
    for name in sorted((required_before - required_after) & set(after)):
        yield f"{path}.{name} is no longer required: readers rely on it"
    was, now = old.schema.get("additionalProperties"), new.schema.get("additionalProperties")
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        yield from _breaks(old.child(was), new.child(now), path + ".*")
    elif now is False and was is not False:
        yield f"{path} no longer takes unknown fields: newer writers send some"
