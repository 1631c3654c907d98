"""What is learnt and how: a TOML file with a sentence under each field. Where it runs is not in it."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runtime.errors import InputError

FOLDER = Path(__file__).parent / "recipes"
"""The recipes that ship."""

Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Count = Annotated[int, Meta(ge=1)]
Kind = Literal["lora", "adalora", "ia3", "partial", "full"]
"""How much of the encoder learns; see `Recipe.kind`."""


class Lora(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Low-rank adapters (Hu et al. 2021) on every Linear of the encoder."""

    rank: Count = 16
    """Width of the adapters: more learns more and ships more (rank 16 of 12 layers of 384: 2.7 MB in fp16)."""

    alpha: Positive = 32.0
    """The update is scaled by alpha / rank."""

    dropout: Share = 0.0
    """Share of an adapter's inputs that is dropped in training; above 0 a step on a CPU takes a quarter longer."""


class Augment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is changed in a training text at random, so that habits of one source decide nothing. All default to off."""

    drop_urls: Share = 0.0
    """Probability of removing the URL masks of a text: only tweets have them."""

    plain_tags: Share = 0.0
    """Probability of removing # and $ before words: forum posts and headlines have none."""

    swap_cashtags: Share = 0.0
    """Probability of replacing each cashtag by another one of the training set: no ticker is good news by itself."""

    drop_words: Share = 0.0
    """Share of words removed from a text."""

    drop_lead: Share = 0.0
    """Probability of removing a short lead up to a colon or dash (`$ACME - `, `BRIEF: `)."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way of training; same recipe, data, encoder and seed give the same model."""

    name: str
    """Name of the result, also of its folder in models/shipped."""

    encoder: str
    """Known name, folder or hub id@revision; `--encoder` wins over it."""

    epochs: Positive
    """Passes over the training part; fractions are allowed."""

    learning_rate: Positive
    """Peak rate of AdamW for adapters and heads."""

    kind: Kind = "lora"
    """`lora`: low-rank adapters. `adalora`: the same, ranks shared out by use (Zhang et al. 2023). `ia3`: a factor per
    output of each Linear (Liu et al. 2022), the smallest, wants a high rate. `partial`: the last `layers` layers.
    `full`: all weights. The last two want a rate of about 5e-5 and ship as much as they change."""

    layers: Count = 2
    """How many of the encoder's last layers `partial` trains."""

    lora: Lora = Lora()
    augment: Augment = Augment()

    weight_decay: Annotated[float, Meta(ge=0)] = 0.01
    """AdamW's decoupled decay (Loshchilov & Hutter 2019), on matrices only."""

    warmup: Share = 0.06
    """Share of all steps over which the rate rises from 0; afterwards it falls linearly to 0."""

    batch_tokens: Count = 1024
    """Padded tokens of one step, about 40 headlines."""

    max_length: Annotated[int, Meta(ge=8, le=512)] = 256
    """Tokens after which a text is cut, in training and in serving."""

    label_smoothing: Share = 0.0
    """Probability taken from the label and spread over the task's classes: labels are noisy."""

    hidden_dropout: Share = 0.1
    """Dropout within the encoder and before the last layer; above 0 a step on a CPU takes a seventh longer."""

    attention_dropout: Share = 0.0
    """Dropout of attention weights; above 0 a step on a CPU takes a tenth longer."""

    prior_correction: dict[str, Annotated[float, Meta(ge=0, le=1)]] = {}
    """Per task, how much of the training labels' log share is taken off their logits after training: 0 keeps the habit
    of the training sets (half of all texts neutral), 1 treats all labels as equally frequent. Other sources differ."""

    class_balance: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """How much rare classes count more, by their effective number (Cui et al. 2019): 0 not at all, 0.999 for classes of
    hundreds of labels, 1 by inverse frequency."""

    replay: Annotated[float, Meta(ge=0)] = 1.0
    """Old texts per new one, where old ones are given (`--replay`); stratified by class, domain and age."""

    goes_on: bool = False
    """Whether a trainer's run begins with the champion and learns its base files by replay, instead of with the encoder
    and all of the base files. `train` begins where `--parent` says."""

    patience: Annotated[int, Meta(ge=0)] = 0
    """Epochs in a row without a lower loss on the validation part after which training ends; the best epoch's weights
    are kept. 0 trains to the end and keeps the last."""

    accumulate: Count = 1
    """Parts that a step's texts are cut into, one after the other: the same step in a part of the memory."""

    clip_norm: Positive = 1.0
    """Gradients are scaled down to this norm."""

    fraction: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Share of the training texts that is used, by hash: 0.2 for trying things out."""


def load(recipe: Path | str) -> tuple[Recipe, str, bytes]:
    """Read and check a recipe.

    Args:
        recipe: a TOML file, or the name of one that ships (`accurate`, `fast`).

    Returns:
        the recipe, its SHA-256 (hex) and its bytes.

    Raises:
        InputError: no such file, no TOML, or a field that is unknown, absent or out of range.
    """
    path = Path(recipe)
    if not path.suffix and (FOLDER / f"{recipe}.toml").is_file():
        path = FOLDER / f"{recipe}.toml"
    shipped = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"no recipe {recipe!s}: {error.strerror}; give a TOML file or one of {shipped}") from error
    try:
        fields = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML: {error}; compare it with {FOLDER.name}/fast.toml") from error
    try:
        checked = msgspec.convert(fields, Recipe)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {_named(error, fields)}; the fields are explained in trainer/recipe.py") from error
    if checked.kind == "adalora" and checked.patience:
        raise InputError(
            f"{path}: patience = {checked.patience}, but adalora shares its ranks out over all epochs; set it to 0"
        )
    return checked, hashlib.sha256(content).hexdigest(), content


def _named(error: msgspec.ValidationError, fields: object) -> str:
    """Msgspec's sentence with the offending value, which it leaves out."""
    sentence = str(error)
    _, at, place = sentence.partition(" - at `$.")
    value = fields
    for step in place.rstrip("`").split(".") if at else []:
        value = value.get(step) if isinstance(value, dict) else None
    return f"{sentence} (value {value!r})" if at else sentence
