from datetime import UTC, datetime

import pytest
from rich.console import Console

from bellwether.demo.board import Board, Shares, busiest
from bellwether.demo.screen import LineScreen, LiveScreen
from bellwether.demo.view import Stage, draw, eta, line, share_bar
from wire.events import EntityScore, Scored, TaskScore


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def scored(offset: int, label: str = "negative", entity: str = "VLCRM", version: str = "v-1", own: str = "") -> Scored:
    sentiment = TaskScore(label=label, probabilities={label: 9_100}, abstained=False)
    topic = TaskScore(label="Dividend", probabilities={"Dividend": 9_000}, abstained=False)
    towards = TaskScore(label=own, probabilities={own: 8_000}, abstained=False) if own else None
    at = datetime(2026, 2, 3, 13, tzinfo=UTC)
    return Scored(
        event_id=f"e{offset}",
        text="Velocor slashes dividend",
        published_at=at,
        source="",
        tasks={"sentiment": sentiment, "topic": topic},
        model_version=version,
        engine="noop",
        cleaning="1",
        batch_id="b",
        worker="w",
        source_partition=0,
        source_offset=offset,
        scored_at=at,
        entities=(EntityScore(id=entity, found_by="alias", sentiment=towards),),
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(expected=10, clock=clock)


def test_lag_is_what_has_no_output_yet(board: Board) -> None:
    for offset in range(3):
        board.on_published((0, offset), 1_000)
    board.on_scored(scored(0), 1_200)
    board.on_dead((0, 1), 1_300)
    assert (board.published, board.scored, board.dead, board.lag) == (3, 1, 1, 1)


def test_event_age_is_the_brokers_time_of_output_less_that_of_input(board: Board) -> None:
    board.on_published((0, 0), 1_000)
    board.on_scored(scored(0), 1_250)
    assert board.age_p50_s.get() == pytest.approx(0.25)


def test_a_repeat_is_counted_as_one_and_changes_nothing_else(board: Board) -> None:
    board.on_published((0, 0), 1_000)
    board.on_scored(scored(0), 1_250)
    board.on_scored(scored(0), 9_000)
    assert (board.scored, board.repeats, board.overall.texts) == (1, 1, 1)


def test_an_input_seen_after_its_output_is_not_waited_for(board: Board) -> None:
    board.on_scored(scored(0), 1_250)
    board.on_published((0, 0), 1_000)
    assert board.lag == 0
    assert not board._waiting


def test_the_rate_forgets_what_is_long_ago(board: Board, clock: Clock) -> None:
    for offset in range(8):
        board.on_scored(scored(offset), 0)
    assert board.rate == pytest.approx(2.0)
    clock.now = 60.0
    assert board.rate == 0


def test_shares_follow_the_newer_texts() -> None:
    shares = Shares(0.1)
    for label in ["positive"] * 30 + ["negative"] * 30:
        shares.add(label)
    assert shares.now["negative"] > 0.9
    assert sum(shares.now.values()) == pytest.approx(1.0)


def test_an_entitys_own_sentiment_counts_before_the_texts(board: Board) -> None:
    board.on_scored(scored(0, label="negative", own="positive"), 0)
    assert board.entities["VLCRM"].now["positive"] == 1
    assert board.topics["Dividend"].now["negative"] == 1


def test_a_swap_of_the_version_is_counted(board: Board) -> None:
    board.on_scored(scored(0), 0)
    board.on_scored(scored(1, version="v-2"), 0)
    assert (board.swaps, board.served_by) == (1, ("v-2", "noop"))


def test_the_busiest_names_come_first() -> None:
    few, many = Shares(0.1), Shares(0.1)
    few.add("neutral")
    many.add("neutral")
    many.add("neutral")
    assert [name for name, _ in busiest({"few": few, "many": many}, 1)] == ["many"]


@pytest.mark.parametrize(("width", "height"), [(140, 44), (80, 24)])
def test_a_frame_shows_all_that_matters_and_fits(board: Board, clock: Clock, width: int, height: int) -> None:
    for offset in range(5):
        board.on_published((0, offset), 1_000)
        board.on_scored(scored(offset), 1_400)
    board.on_published((0, 5), 1_000)
    clock.now = 2.0
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as captured:
        console.print(draw(board, Stage("replaying", {"worker pid": "4711"}), now_s=2.0, width=width, height=height))
    shown = captured.get()
    for part in ("replaying", "5 of 10", "lag 1", "0.40 s", "VLCRM", "Dividend", "negative", "91%", "4711", "v-1"):
        assert part in shown, part
    assert len(shown.splitlines()) <= height


def test_brackets_in_a_headline_are_no_markup(board: Board) -> None:
    board.on_scored(scored(0, entity="[b]X"), 0)
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        console.print(draw(board, Stage("x"), now_s=1.0))
    assert "[b]X" in captured.get()


def test_a_share_bar_has_one_part_per_sentiment() -> None:
    bar = share_bar({"negative": 0.5, "neutral": 0.25, "positive": 0.25}, cells=8)
    assert [str(span.style) for span in bar.spans] == ["red3", "grey50", "green3", "dim"]
    assert bar.plain == "████████  50%"


def test_time_left_is_unknown_before_the_first_event(board: Board) -> None:
    assert eta(board, 3.0) == "–"


def test_a_plain_line_tells_rate_lag_and_age(board: Board, clock: Clock) -> None:
    board.on_published((0, 0), 1_000)
    board.on_scored(scored(0), 1_500)
    clock.now = 1.0
    told = line(board, Stage("replaying"), now_s=1.0)
    assert told == "replaying: 1/10 events, 0/s, lag 0, age p50 0.50 s p95 0.50 s, 1 s, left 0:09"


def test_a_line_screen_prints_now_and_then(board: Board, clock: Clock, capsys) -> None:
    with LineScreen(clock, every_s=5) as screen:
        for clock.now in (1.0, 2.0, 6.5):
            screen.update(board, Stage("replaying"))
    assert capsys.readouterr().err.count("replaying") == 2


def test_a_live_screen_draws_in_place(board: Board, clock: Clock) -> None:
    console = Console(width=120, height=40, force_terminal=True)
    with console.capture() as captured, LiveScreen(clock, console) as screen:
        screen.say("hello")
        clock.now = 1.0
        screen.update(board, Stage("replaying"))
    assert "replaying" in captured.get()
