"""Who is believed: what an operator says of labellers and imports, and the limits that hold for all others, as TOML."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from runtime.errors import InputError

Name = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(gt=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Time = Annotated[datetime, Meta(tz=True)]


class Quota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a batch is one labeller's, see `trainer.labels.quota`."""

    share: Share = 0.2
    labellers: Count = 5
    """From how many labellers on; fewer cannot be held to such a share."""


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What answers to gold questions make of a labeller, see `trainer.labels.gold`."""

    right: Positive = 8.5
    """Right answers that everybody is taken to have given before the first."""

    wrong: Positive = 1.5
    """Wrong ones."""

    refused_below: Annotated[float, Meta(ge=0, lt=1)] = 0.6
    """Expected accuracy under which nothing that a labeller says is learnt."""


class Burst(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast a person labels, see `trainer.labels.burst`."""

    a_minute: Count = 60
    """Most labels within 60 s; one a second is about what reading a headline takes."""

    own_rate: Positive = 10.0
    """How many times the labels of the labeller's usual hour an hour may have."""

    an_hour: Count = 300
    """Labels of an hour up to which the own rate does not matter."""


class Flips(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a labeller may contradict the others, see `trainer.labels.flips`."""

    limit: Share = 0.4
    """Rate of contradiction; two who each err in 15 % of their labels contradict each other in about 27 %."""

    voices: Count = 4
    """Other labellers that must have labelled the same subjects; fewer do not make a judgement."""

    subjects: Count = 20
    """Labels of others that must be there to compare with; half of it where one class is looked at."""

    one_class_limit: Share = 0.4
    """Rate at which one class of the others is one other class to the labeller."""

    one_class_voices: Count = 6
    """As `voices`, where one class is looked at: there are fewer labels, so chance has more to say."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """All of it. Without a file nobody is trusted and the limits below hold for everybody."""

    trusted: tuple[Name, ...] = ()
    """Labellers and imports, by the name that stands in their labels, that no limit holds for."""

    gold: tuple[Name, ...] = ()
    """Those whose labels are gold questions to all others; trusted, too."""

    quarantined: tuple[Name, ...] = ()
    """Those whose labels an operator keeps out."""

    released: dict[Name, Time] = {}
    """Those that an operator let out of quarantine, and when: what they labelled until then counts, and is no
    evidence against them any more."""

    ranks: dict[Name, int] = {}
    """Of labellers, the higher the more they count among labels of the same instant; 0 for who is not named."""

    quota: Quota = Quota()
    trust: Trust = Trust()
    burst: Burst = Burst()
    flips: Flips = Flips()

    def __post_init__(self) -> None:
        both = sorted(self.exempt & set(self.quarantined))
        if both:
            raise ValueError(f"{both[0]!r} is both trusted and quarantined; take it out of one")

    @cached_property
    def exempt(self) -> frozenset[str]:
        """Names that no limit holds for."""
        return frozenset((*self.trusted, *self.gold))


def load(path: Path | None) -> Policy:
    """Read and check a policy; None is the safe one, that trusts nobody.

    Raises:
        InputError: no such file, no TOML, or a field that is unknown or out of range.
    """
    if path is None:
        return Policy()
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"no label policy {path}: {error.strerror}; write it or unset BELLWETHER_LABELLERS") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML: {error}; docs/learning.md has an example") from error
    try:
        return msgspec.convert(fields, Policy)
    except msgspec.ValidationError as error:
        raise InputError(
            f"{path}: {error}{_value(error, fields)}; the fields are explained in trainer/labels/policy.py"
        ) from error


def _value(error: msgspec.ValidationError, fields: object) -> str:
    """The offending value, which msgspec's sentence leaves out; nothing where it is not found by name."""
    _, at, place = str(error).partition(" - at `$.")
    value = fields
    for step in place.rstrip("`").split(".") if at else []:
        if not isinstance(value, dict) or step not in value:
            return ""
        value = value[step]
    return f" (value {value!r})" if at else ""
