"""How Faust 0.15.3 loses events, shown on the real broker, so that an upgrade that changes it is noticed.

Each test says what of ours exists because of it and what may go when it fails. A failure here is news, not a defect.
"""

LOT = 20
TEXTS = [f"text {number}" for number in range(3 * LOT)]
TEXTS[5] = "boom"
"""In the first of three lots."""

FULL_LOTS = {"lot": LOT, "within_s": 60.0}
"""A lot ends when it is full, never by the clock, so that its bounds are the same on any machine."""


def test_an_exception_in_an_agent_acknowledges_the_event_which_never_comes_again(place) -> None:
    """Why: `agent.attach` lets no exception leave the agent's body, it ends the process instead.

    When it fails: the catch-all in `streams/classify/agent.py` may let errors out to the supervisor.
    """
    place.publish("before", "boom", "after")
    with place.app() as app:
        app.handles("after")
        app.wait_for(lambda: place.committed() == 3)
        app.stop()
    assert app.texts("handled") == ["before", "after"]
    assert place.met_after_restart() == []


def test_an_exception_in_take_acknowledges_its_whole_lot(place) -> None:
    """Why: `agent.attach` uses `noack().noack_take()` and acknowledges after delivery.

    When it fails: `take` may do, and `agent.acknowledge` with the tokens in `Record` may go.
    """
    place.publish(*TEXTS)
    with place.app(how="take", **FULL_LOTS) as app:
        app.wait_for(lambda: place.committed() == len(TEXTS))
        app.stop()
    lost = [text for text in TEXTS if text not in app.texts("handled")]
    assert lost == TEXTS[:LOT]


def test_an_exception_in_take_acknowledges_even_an_event_that_no_agent_met(place) -> None:
    """Why: as above; to let the app crash, as our supervisor does, is no cure by itself.

    When it fails: as above.
    """
    place.publish(*TEXTS)
    with place.app(how="take", crashes=True, **FULL_LOTS) as app:
        app.wait_for(lambda: app.process.poll() is not None, may_end=True)
    assert app.texts("handled") == []
    assert app.texts("met") == TEXTS[:LOT]
    lost = TEXTS[: place.committed()]
    assert len(lost) > LOT
    assert place.met_after_restart() == TEXTS[len(lost) :]


def test_what_noack_take_gave_out_comes_again_after_a_crash(place) -> None:
    """Why: this is what `streams/classify/agent.py` builds on: `noack_take` and a supervisor that crashes.

    When it fails: the worker loses what was in flight when it ended; do not upgrade.
    """
    place.publish(*TEXTS)
    with place.app(how="noack_take", crashes=True, **FULL_LOTS) as app:
        app.wait_for(lambda: app.process.poll() is not None, may_end=True)
    assert app.texts("met") == TEXTS[:LOT]
    assert place.committed() == 0
    assert place.met_after_restart() == TEXTS


def test_an_agent_that_is_started_again_after_noack_take_misses_events(place) -> None:
    """Why: `agent.build_app` and `agent.attach` ask for `CrashingSupervisor`; Faust's default starts agents again.

    When it fails: a supervisor that restarts may do, if `pipeline` forgets what it held.
    """
    place.publish(*TEXTS)
    with place.app(how="noack_take", **FULL_LOTS) as app:
        app.handles(TEXTS[-2])  # of every second event since the failure
        app.wait_for(lambda: place.committed() > 2 * LOT)
    lost = [text for text in TEXTS[: 2 * LOT] if text not in app.texts("handled")]
    assert len(lost) > LOT  # the failed lot, which nobody acknowledged, and more


def test_a_commit_passes_first_events_that_nobody_acknowledged_and_a_stop_waits_for_them(place) -> None:
    """Why: `Pipeline` finishes in offset order (Faust's issue 606), and `rebalance.Assignments` takes what it drops
    out of Faust's set of un-acknowledged messages, because Faust waits for it without a time-out.

    When it fails at the commit: the order is still wanted for the outputs. When it fails at the stop:
    `Assignments.release` may go, and `Worker`'s own deadline stays.
    """
    place.publish(*TEXTS[:LOT])
    with place.app(how="noack_take", fails=False, last_only=True, **FULL_LOTS) as app:
        app.wait_for(lambda: place.committed() == LOT)  # one of 20 was acknowledged
        app.process.terminate()
        app.wait_for(lambda: "wait_empty: Waiting for tasks" in app.log)  # Faust says so every 10 s
        assert app.process.poll() is None
