"""The bench of the gate on a world of random features: real heads, real trials, no encoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bellwether.bench.gate import picture, plants, run, tally, texts, trials
from bellwether.bench.gate.features import Features
from bellwether.bench.gate.plants import Effect, Kind
from bellwether.bench.gate.tally import Tally
from bellwether.bench.gate.texts import Texts
from bellwether.bench.gate.world import World
from runtime.errors import InputError
from trainer.gate import behaviour
from trainer.gate.evidence import GOLDEN, LATER, OLD, RARE
from trainer.gate.limits import Limits

TEXTS, WIDTH = 4_000, 16


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for a second thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def world() -> World:
    """Two domains in which other directions tell the classes apart."""
    rng = np.random.default_rng(5)
    truth = rng.choice(3, TEXTS, p=[0.2, 0.5, 0.3])
    is_new = np.arange(TEXTS) % 2 == 1
    directions = rng.normal(size=(2, 3, WIDTH))
    features = (rng.normal(size=(TEXTS, WIDTH)) * 2 + directions[is_new.astype(int), truth]).astype(np.float32)
    order = rng.permutation(TEXTS)
    training = order[2_200:]

    def scaled(more: list[str]) -> Features:
        return rng.normal(size=(len(more), WIDTH)).astype(np.float32)

    return World(
        texts=Texts([f"story {n}" for n in range(TEXTS)], truth, is_new, "made up"),
        features=features,
        manners=dict(zip(behaviour.texts(), scaled(behaviour.texts()), strict=True)),
        pool=order[:2_000],
        calibration=order[2_000:2_200],
        old=training[~is_new[training]],
        new=training[is_new[training]],
        scaled=scaled,
    )


def kind(name: str) -> Kind:
    return next(one for one in plants.KINDS if one.name == name)


def test_a_planted_challenger_costs_what_its_kind_promises_and_milder_ones_are_told_of(world: World) -> None:
    served, said = plants.champion(world, 3), []
    never = kind("dead class")._replace(strengths=(0.0, 1.0))
    found = plants.planted(world, never, served, 3, said.append)
    assert found.strength == 1.0
    assert found.effect.worst_recall < -20
    assert said[0].startswith("dead class, strength 0: macro-F1")
    assert said[0].endswith("too little, replaced by a stronger one")


def test_a_kind_that_cannot_be_planted_is_no_silent_success(world: World) -> None:
    with pytest.raises(InputError, match="no challenger of the kind 'label noise' counts on these texts"):
        plants.planted(world, kind("label noise")._replace(strengths=(0.0,)), plants.champion(world, 4), 4, str)


def test_forgetting_costs_the_old_domain_and_not_the_new_one(world: World) -> None:
    served = plants.champion(world, 5)
    head = kind("forgetting").plant(world, served, 5, 8)
    right = {
        domain: np.mean(
            (head.logits(world.features[own]).argmax(1) == world.texts.truth[own]).astype(float)
            - (served.head.logits(world.features[own]).argmax(1) == world.texts.truth[own])
        )
        for domain in (False, True)
        for own in [world.pool[world.texts.is_new[world.pool] == domain]]
    }
    assert right[False] < -0.02 < right[True]


def test_no_plant_and_no_champion_trains_on_the_pool(world: World) -> None:
    served = plants.champion(world, 6)
    assert not np.isin(world.pool, [*world.old, *world.new, *world.calibration]).any()
    assert np.isin(served.old, world.old).all()
    assert np.isin(served.new, world.new).all()


def test_what_counts_as_bad_and_as_good() -> None:
    assert Effect(-2.0, 0.0, "neutral").counts(is_bad=True)
    assert Effect(1.0, -5.0, "neutral").counts(is_bad=True)
    assert not Effect(-1.9, -4.9, "neutral").counts(is_bad=True)
    assert Effect(2.0, -1.0, "neutral").counts(is_bad=False)
    assert not Effect(1.9, 1.0, "neutral").counts(is_bad=False)


def test_a_draw_has_its_slices_from_the_pool_and_no_text_twice(world: World) -> None:
    found = trials.draw(world, 1_000, np.random.default_rng(0))
    assert {name: len(chosen) for name, chosen in found.items()} == {RARE: 50, LATER: 450, OLD: 300, GOLDEN: 200}
    together = np.concatenate(list(found.values()))
    assert len(set(together)) == 1_000
    assert np.isin(together, world.pool).all()
    assert world.texts.is_new[found[LATER]].all()
    assert not world.texts.is_new[found[OLD]].any()
    assert set(world.texts.truth[found[RARE]]) == {0}


def test_a_pool_with_too_few_texts_is_refused_with_what_it_is_good_for(world: World) -> None:
    is_new, is_rare = world.texts.is_new[world.pool], world.texts.truth[world.pool] == 0
    for pool, says, most in (
        (world.pool, "3,000 of any kind, and the pool has 2,000", 2_000),
        (np.concatenate([world.pool[~is_new], world.pool[is_new][:111]]), "1,500 of the new domain, .* has 111", 220),
        (np.concatenate([world.pool[is_new], world.pool[~is_new][:100]]), "1,050 of the old domain, .* has 100", 280),
        (np.concatenate([world.pool[~is_rare], world.pool[is_rare][:7]]), "150 of the rarest class, .* has 7", 140),
    ):
        small = replace(world, pool=pool)
        with pytest.raises(InputError, match=f"a trial of 3,000 texts needs {says}; give --texts {most} or fewer"):
            trials.draw(small, 3_000, np.random.default_rng(0))
        assert sum(map(len, trials.draw(small, most, np.random.default_rng(0)).values())) == most


def test_too_few_texts_are_said_before_anything_is_planted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.texts, "load", lambda _: world.texts)
    monkeypatch.setattr(run.encoders, "get", lambda *_: None)
    monkeypatch.setattr(run, "Frozen", lambda _: None)
    monkeypatch.setattr(run.world, "build", lambda *_: world)
    monkeypatch.setattr(run.plants, "all_planted", lambda *_: pytest.fail("it planted"))
    with pytest.raises(InputError, match="give --texts"):
        run.measure(run.Order(data=None, texts=10_000))


def test_a_dead_class_is_refused_with_the_class_in_the_reason(world: World) -> None:
    served = plants.champion(world, 7)
    one = trials.pair(world, served, plants.planted(world, kind("dead class"), served, 7, str).head)
    slices = trials.draw(world, 1_500, np.random.default_rng(1))
    verdict, lenient = trials.verdicts(
        world, one, slices, [Limits(), Limits(recall_points=100, macro_f1_points=100, behaviour_points=100, ece=1)], 0
    )
    assert verdict.name == "regression"
    assert "recall of" in " ".join(verdict.reasons[:3])
    assert lenient.name in ("same", "better")


def counted(name: str, is_bad: bool | None, better: int, other: int) -> Tally:
    return Tally(name, is_bad, Counter({"better": better, "regression": other}), Counter(), [])


def test_the_worst_kind_decides_and_kinds_are_never_pooled() -> None:
    found = tally.summary(
        [
            counted("a", True, 0, 200),
            counted("b", True, 6, 194),
            counted("g", False, 150, 50),
            counted("d", None, 90, 110),
        ]
    )
    assert (found["bad_passed_share"], found["good_refused_share"], found["trials"]) == (0.03, 0.25, 200)
    assert [one["passed"] for one in found["kinds"]] == [0, 6, 150, 90]


def test_intervals_are_exact() -> None:
    low, high = counted("a", True, 0, 200).interval()
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 200))


def test_the_table_and_the_picture_show_every_kind(tmp_path: Path) -> None:
    found = tally.summary([counted("noise", True, 1, 9), counted("good", False, 9, 1)]) | {
        "texts": "made up", "seed": 1, "texts_per_trial": 3000, "pool": 6000, "challengers": 5, "seconds": 3.0,
        "backdoor": {"works": 0.9, "works_without": 0.1, "passed_share": 0.5},
    }  # fmt: skip
    table = tally.as_markdown(found)
    assert "| noise | 1 of 10 (10.0%) | ≤ 2% | 0.3% to 44.5% | 0 | 0 | 9 |" in table
    assert "Worst good kind: refused in 10.0%." in table
    picture.save(found, tmp_path / "gate.png")
    assert (tmp_path / "gate.png").stat().st_size > 5_000
    with pytest.raises(InputError, match="cannot write the picture to"):
        picture.save(found, tmp_path / "none" / "gate.png")


def test_a_folder_without_the_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks twitter-financial-news-sentiment"):
        texts.load(tmp_path)


def test_without_a_folder_the_built_in_stream_is_cut_in_two_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "GENERATED_DAYS", 4)
    found = texts.load(None)
    assert "GENERATED" in found.source
    assert 200 < len(set(found.texts)) == len(found.texts)
    assert 0.2 < found.is_new.mean() < 0.8
    assert set(found.truth) == {0, 1, 2}
