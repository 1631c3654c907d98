"""What the configuration files of a version may say: nothing that runs code or is read from outside of its folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from runtime.errors import CorruptVersionError

ALLOWED_MODEL_TYPES = frozenset(
    {
        "albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "ernie", "modernbert", "mpnet",
        "nomic_bert", "roberta", "xlm-roberta",
    }
)  # fmt: skip
"""Stock encoder architectures of transformers; other types load other modules, some of them from elsewhere."""

CONFIG = "config.json"
SHARDS = "model.safetensors.index.json"
VOCABULARIES = frozenset({"tokenizer.json", "vocab.json", "added_tokens.json"})
"""Here any word may be a key; where its value is a number, it names a token and no setting."""

ALLOWED_JSON = frozenset({CONFIG, SHARDS, "tokenizer_config.json", "special_tokens_map.json"}) | VOCABULARIES
"""All that a stock encoder is loaded from. Another name may be looked for, and obeyed, by some library:
`adapter_config.json` lets transformers load a base model from elsewhere."""

FORBIDDEN_FIELDS = frozenset(
    {
        # a module of the folder or of another repository
        "auto_map", "custom_pipelines", "custom_generate", "code_revision",
        # the loader's own consent, given by what it loads (CVE-2026-5241)
        "trust_remote_code",
        # kernels: code from a repository, fetched without asking for trust (CVE-2026-4372)
        "attn_implementation", "_attn_implementation", "_attn_implementation_internal", "attn_implementation_internal",
        "experts_implementation", "_experts_implementation", "_experts_implementation_internal",
        "use_kernels", "kernel_config",
        # a model inside the model, with a configuration, weights or code of its own
        "backbone", "backbone_config", "text_config", "vision_config", "base_model_name_or_path",
        "quantization_config", "compression_config",
        # a program (Jinja), and file names when it is saved (CVE-2026-9856)
        "chat_template",
        # other files than the folder's
        "tokenizer_file", "vocab_file", "merges_file", "sp_model_file", "processor_class",
    }
)  # fmt: skip
"""Fields that no version needs, however deep they stand."""

LABEL_TABLES = frozenset({"id2label", "label2id"})
TABLES = LABEL_TABLES | {"rope_parameters", "rope_scaling", "weight_map", "metadata"}
"""Objects that a stock configuration may hold; any other would be a configuration inside the configuration."""


def check(folder: Path, names: Iterable[str]) -> None:
    """Look through all configuration files of a version whose digests hold.

    Args:
        folder: the version.
        names: of all its files.

    Raises:
        CorruptVersionError: one is no JSON object or none of `ALLOWED_JSON`, has one of `FORBIDDEN_FIELDS`, holds
            another configuration or names a file or repository; or the architecture is not of `ALLOWED_MODEL_TYPES`.
    """
    kind = None
    for name in sorted(name for name in names if name.endswith(".json")):
        path = folder / name
        if name not in ALLOWED_JSON:
            raise CorruptVersionError(
                f"{path} is no configuration of a stock encoder, but a library may obey it; remove it and build the "
                "version again"
            )
        facts = read(path)
        fields = set(_fields(facts, is_vocabulary=name in VOCABULARIES)) & FORBIDDEN_FIELDS
        if fields:
            raise CorruptVersionError(
                f"{path} has {min(fields)!r}, which names code to run or something to load; use a stock architecture"
            )
        if name in {CONFIG, SHARDS}:
            _check_values(facts, path)
        if name == "tokenizer_config.json" and not str(facts.get("tokenizer_class", "")).isidentifier():
            raise CorruptVersionError(
                f"{path} has tokenizer_class {facts.get('tokenizer_class')!r}, which is no class of transformers; "
                "use a stock tokenizer"
            )
        if name == CONFIG:
            kind = facts.get("model_type")
    if not isinstance(kind, str) or kind not in ALLOWED_MODEL_TYPES:
        allowed = ", ".join(sorted(ALLOWED_MODEL_TYPES))
        raise CorruptVersionError(f"{folder / CONFIG} has model_type {kind!r}; allowed: {allowed}")


def read(path: Path) -> dict[str, Any]:
    """A configuration file.

    Raises:
        CorruptVersionError: it is no JSON object.
    """
    try:
        facts = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CorruptVersionError(f"{path} is no JSON: {error}; build the version again") from error
    if not isinstance(facts, dict):
        raise CorruptVersionError(f"{path} is no JSON object; build the version again")
    return facts


def _fields(facts: object, *, is_vocabulary: bool) -> Iterator[str]:
    """Names of all fields, however deep."""
    waiting = [facts]
    while waiting:
        match waiting.pop():
            case dict() as table:
                yield from (name for name, value in table.items() if not (is_vocabulary and type(value) is int))
                waiting += table.values()
            case list() as row:
                waiting += row


def _check_values(facts: dict[str, Any], path: Path) -> None:
    for name, value in facts.items():
        if isinstance(value, dict) and name not in TABLES:
            raise CorruptVersionError(
                f"{path} has {name!r}, a configuration inside the configuration; use a stock architecture"
            )
        if name not in LABEL_TABLES and (named := next(_outside(value), None)) is not None:
            raise CorruptVersionError(
                f"{path} has {name!r}: {named!r}, a path or a repository; a version needs nothing but its own files"
            )


def _outside(value: object) -> Iterator[str]:
    """Strings that could name a file elsewhere or a repository, however deep."""
    match value:
        case str() if "/" in value or "\\" in value:
            yield value
        case dict() | list():
            for inner in value.values() if isinstance(value, dict) else value:
                yield from _outside(inner)
