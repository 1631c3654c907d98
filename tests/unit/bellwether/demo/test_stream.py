import hashlib
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bellwether.demo import figures, grammar, rhythm, truth, vocabulary
from bellwether.demo.repeats import NearRepeats, measure
from bellwether.demo.stream import DAYS, PER_DAY, SEED, START, Story, generate, write
from runtime.errors import InputError

TOPICS = {
    "Analyst Update", "Fed | Central Banks", "Company | Product News", "Treasuries | Corporate Debt", "Dividend",
    "Earnings", "Energy | Oil", "Financials", "Currencies", "General News | Opinion", "Gold | Metals | Materials",
    "IPO", "Legal | Regulation", "M&A | Investments", "Macro", "Markets", "Politics", "Personnel Change",
    "Stock Commentary", "Stock Movement",
}  # fmt: skip


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    return list(generate())


def test_the_default_stream_holds_about_five_thousand_stories_in_order(stories: list[Story]) -> None:
    assert len(stories) == DAYS * PER_DAY == 5005
    times = [story.published_at for story in stories]
    assert times == sorted(times)
    assert times[0] >= START
    assert times[-1] < START + timedelta(days=DAYS)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    def rows(seed: int) -> bytes:
        return b"\n".join(msgspec.json.encode(story) for story in generate(days=6, per_day=40, seed=seed))

    assert rows(3) == rows(3)
    assert rows(3) != rows(4)


def test_the_default_stream_never_changes_silently(stories: list[Story]) -> None:
    # Figures in documents and benches are compared across versions on this very stream: whoever changes its words
    # or its drawing of lots changes this digest on purpose, and measures those figures again.
    rows = b"".join(msgspec.json.encode(story) + b"\n" for story in stories)
    assert hashlib.sha256(rows).hexdigest() == "101b7a7074e5987def16aaa777a84870bfd7d71e9e868f091f5bf84ed49d1791"


def test_every_story_has_an_id_of_its_own(stories: list[Story]) -> None:
    assert stories[0].event_id == f"bw-{SEED}-000001"
    assert len({story.event_id for story in stories}) == len(stories)


def test_all_topics_and_sentiments_occur(stories: list[Story]) -> None:
    assert {story.topic for story in stories} == TOPICS
    counts = Counter((story.topic, story.label) for story in stories)
    assert len(counts) == 3 * len(TOPICS)
    assert min(counts.values()) >= 5


def test_fewer_than_two_per_cent_repeat_an_earlier_text(stories: list[Story]) -> None:
    repetition = measure(story.text for story in stories)
    assert repetition.exact == 0
    assert repetition.near < 0.02


def test_texts_have_between_five_and_thirty_words_and_no_unfilled_slot(stories: list[Story]) -> None:
    lengths = [len(story.text.split()) for story in stories]
    assert min(lengths) >= 5
    assert max(lengths) <= 30
    assert not [story.text for story in stories if set(story.text) & set("{}[]")]


def test_a_story_about_a_company_names_it_and_is_keyed_by_it(stories: list[Story]) -> None:
    known = {company.ticker: company for company in vocabulary.load().companies}
    about = [story for story in stories if story.key]
    assert len(about) > len(stories) / 2
    for story in about:
        company = known[str(story.key)]
        assert story.key in story.mentions
        assert company.ticker in story.text or company.short.lower() in story.text.lower()


def test_every_mention_stands_in_the_text(stories: list[Story]) -> None:
    known = {company.ticker: company for company in vocabulary.load().companies}
    for story in stories:
        for ticker in story.mentions:
            assert ticker in story.text or known[ticker].short.lower() in story.text.lower(), story


def test_weekends_and_nights_are_quiet(stories: list[Story]) -> None:
    weekdays = Counter(story.published_at.weekday() for story in stories)
    assert weekdays[5] + weekdays[6] < weekdays[1]
    hours = Counter(story.published_at.hour for story in stories)
    assert hours[14] > 3 * hours[2]


def test_a_shock_has_its_stories_in_its_hours_and_is_forty_points_more_negative(stories: list[Story]) -> None:
    first, second = truth.planted(DAYS, PER_DAY, START).shocks
    assert (first.stories, (first.ends - first.begins).total_seconds() / 3600) == (60, 3)
    assert second.stories < first.stories
    for shock in (first, second):
        assert shock.begins >= START + timedelta(days=28)
        told = [s for s in stories if s.key == shock.entity and shock.begins <= s.published_at < shock.ends]
        usual = [s for s in stories if s.key == shock.entity and s.published_at < START + timedelta(days=28)]
        assert len(told) >= shock.stories
        assert share(told, "negative") - share(usual, "negative") > shock.points / 100 - 0.1
    assert first.points == pytest.approx(40, abs=1)


def test_the_quiet_days_hold_no_shock(stories: list[Story]) -> None:
    quiet_hours = Counter(
        (story.key, story.published_at.date(), story.published_at.hour)
        for story in stories
        if story.key and story.published_at < START + timedelta(days=28)
    )
    assert max(quiet_hours.values()) < 8


def test_new_words_enter_with_the_drift_and_only_then(stories: list[Story]) -> None:
    drift = truth.planted(DAYS, PER_DAY, START).drift
    assert drift is not None
    themes = vocabulary.load().drift["theme"]
    before = [s for s in stories if s.published_at < drift.begins and any(theme in s.text for theme in themes)]
    after = [s for s in stories if s.published_at >= drift.begins and any(theme in s.text for theme in themes)]
    assert not before
    assert len(after) > 30


def test_a_short_stream_has_nothing_planted() -> None:
    assert truth.planted(4, 100, START) == truth.Truth()
    assert len(list(generate(days=1, per_day=7))) == 7


def test_an_empty_stream_is_refused() -> None:
    with pytest.raises(InputError, match=r"--days 0 --per-day 5 is an empty stream; give at least 1 of each"):
        next(generate(days=0, per_day=5))


def test_rows_are_written_as_json_lines(tmp_path) -> None:
    path = tmp_path / "stream.jsonl"
    assert write(generate(days=1, per_day=5), path) == 5
    rows = [msgspec.json.decode(line, type=Story) for line in path.read_bytes().splitlines()]
    assert rows == list(generate(days=1, per_day=5))


def test_a_file_that_cannot_be_written_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*missing.*: No such file or directory; choose a folder"):
        write(generate(days=1, per_day=1), tmp_path / "missing" / "stream.jsonl")


def test_every_slot_of_every_template_is_known() -> None:
    # A draw in every template and alternative would take luck; this looks at all of them.
    words = vocabulary.load()
    by_sector = set.intersection(*(set(slots) for slots in words.sectors.values()))
    known = set(figures.DRAWS) | set(words.words) | by_sector | {"co", "co2", "affair", "theme"}
    texts = [t for topic in (*words.topics, *words.shock_topics) for all_ in topic.templates.values() for t in all_]
    assert len(texts) > 250
    texts += [t for values in (*words.words.values(), *words.drift.values(), *words.affairs.values()) for t in values]
    for text in texts:
        for slot in grammar._SLOT.findall(text):
            assert slot in known or grammar.split_suffix(slot)[0].rstrip("2") in known, (slot, text)


def test_a_template_without_end_is_refused() -> None:
    with pytest.raises(InputError, match=r"template '\{a\}' is not done after 200 steps"):
        grammar.expand("{a}", lambda _: "{a}", random.Random(1))


def test_near_repeats_are_found_whatever_their_numbers_and_links() -> None:
    seen = NearRepeats()
    seen.add("Velocor recalls 120,000 units of its compact SUV after fire reports")
    assert seen.has_seen("Velocor recalls 98,000 units of its compact SUV after fire reports https://nws.example/x")
    assert not seen.has_seen("Skerry recalls an apology and opens its new airport lounge in Porto")


def test_repeats_are_measured() -> None:
    repetition = measure(["gold climbs on demand from china", "gold climbs on demand from china", "a b c"])
    assert repetition.exact == repetition.near == pytest.approx(1 / 3)


def test_times_between_stay_between() -> None:
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    times = rhythm.times_between(random.Random(1), begins, begins + timedelta(hours=1), 50)
    assert times == sorted(times)
    assert begins <= times[0] <= times[-1] < begins + timedelta(hours=1)


def share(stories: list[Story], label: str) -> float:
    return sum(story.label == label for story in stories) / len(stories)
