from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from voicechat.endpointer import Endpointer, EndReason, SpeechEnded, SpeechStarted

FRAME_MS = 20
MIN_SPEECH = 10  # frames: 200 ms
END_SILENCE = 25  # frames: 500 ms
SPEECH, SILENCE = [0.9], [0.1]

probabilities = st.floats(0, 1) | st.sampled_from([0.0, 0.34, 0.35, 0.4, 0.5, 1.0, math.nan])
# Stretches of one kind make turns likely; single probabilities break them up.
signals = st.lists(
    st.one_of(
        st.builds(lambda p, n: [p] * n, st.sampled_from([0.0, 0.4, 1.0]), st.integers(1, 40)),
        st.lists(probabilities, max_size=20),
    ),
    max_size=12,
).map(lambda stretches: [p for stretch in stretches for p in stretch])


def endpointer(**options: float) -> Endpointer:
    return Endpointer(frame_ms=FRAME_MS, **options)


def events(endpointer: Endpointer, signal: list[float]) -> list[tuple[int, SpeechStarted | SpeechEnded]]:
    """Give each event with the index of the frame that brought it."""
    pushed = [(i, endpointer.push(p)) for i, p in enumerate(signal)]
    return [(i, event) for i, event in pushed if event is not None]


def test_endpointer_ignores_speech_shorter_than_min_speech():
    endpointer = Endpointer(min_speech_ms=200, end_silence_ms=600, frame_ms=32)

    events = [endpointer.push(p) for p in [0.9] * 5 + [0.1] * 30]

    assert events == [None] * 35


def test_a_turn_starts_as_soon_as_min_speech_is_reached_and_reaches_back_to_its_first_frame():
    started = events(endpointer(), SILENCE * 7 + SPEECH * MIN_SPEECH)

    assert started == [(7 + MIN_SPEECH - 1, SpeechStarted(speech_frames=MIN_SPEECH))]


def test_a_turn_ends_exactly_end_silence_after_its_last_speech_frame():
    happened = events(endpointer(), SPEECH * 40 + SILENCE * 60)

    assert happened[1:] == [(40 + END_SILENCE - 1, SpeechEnded(END_SILENCE, EndReason.SILENCE))]


@pytest.mark.parametrize("frame_ms", [10, 20, 30, 32])
@pytest.mark.parametrize("end_silence_ms", [200, 500, 600, 1000])
def test_the_wait_is_end_silence_rounded_up_to_a_frame(frame_ms, end_silence_ms):
    endpointer = Endpointer(frame_ms=frame_ms, end_silence_ms=end_silence_ms)

    (_, started), (ended_at, ended) = events(endpointer, SPEECH * 100 + SILENCE * 200)

    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    waited_ms = (ended_at + 1 - 100) * frame_ms
    assert ended.silence_frames * frame_ms == waited_ms
    assert end_silence_ms <= waited_ms < end_silence_ms + frame_ms


@pytest.mark.parametrize("dropout", [1, 2, 3])
@pytest.mark.parametrize("at", range(1, MIN_SPEECH))
def test_a_dropout_inside_a_short_word_does_not_hide_it(dropout, at):
    word = SPEECH * at + SILENCE * dropout + SPEECH * (MIN_SPEECH - at)

    (_, started), _ended = events(endpointer(), SILENCE * 50 + word + SILENCE * 50)

    assert started == SpeechStarted(speech_frames=len(word))


@given(st.lists(st.integers(1, MIN_SPEECH - 1), max_size=20))
def test_coughs_apart_from_each_other_never_start_a_turn(lengths):
    signal = [p for length in lengths for p in SPEECH * length + SILENCE * 15]

    assert events(endpointer(), signal) == []


@pytest.mark.parametrize("click", [1, 2])
@pytest.mark.parametrize("at", range(9, END_SILENCE))
def test_a_click_in_the_silence_does_not_restart_the_wait(click, at):
    silence = SILENCE * 60
    silence[at : at + click] = SPEECH * click

    happened = events(endpointer(), SPEECH * 40 + silence)

    assert happened[1] == (40 + END_SILENCE - 1, SpeechEnded(END_SILENCE, EndReason.SILENCE))


@pytest.mark.parametrize("pause", range(1, END_SILENCE - 2))
def test_speech_that_goes_on_before_the_wait_is_over_goes_on_with_the_turn(pause):
    signal = SPEECH * 40 + SILENCE * pause + SPEECH * 5 + SILENCE * 60

    happened = events(endpointer(), signal)

    assert [i for i, _ in happened] == [MIN_SPEECH - 1, 40 + pause + 5 + END_SILENCE - 1]


def test_a_gap_within_speech_counts_from_the_last_frame_of_the_word_not_from_the_gap():
    ending = SPEECH * 40 + SILENCE * 2 + SPEECH  # the t of "what": silence, then a short noise

    _, (ended_at, ended) = events(endpointer(), ending + SILENCE * 60)

    assert ended_at == len(ending) + END_SILENCE - 1
    assert ended == SpeechEnded(END_SILENCE, EndReason.SILENCE)


# How long this pause is waited for ----------------------------------------------------------------


def paused(silence: int, *, wait_ms: float) -> Endpointer:
    """Give an endpointer that was told how long to wait, so many frames into a pause."""
    machine = endpointer()
    events(machine, SPEECH * 40 + SILENCE * silence)
    machine.wait(wait_ms)
    return machine


@pytest.mark.parametrize("wait_ms", [201, 220, 300, 500, 1400])
def test_a_pause_is_waited_for_as_long_as_was_said_rounded_up(wait_ms):
    machine = paused(8, wait_ms=wait_ms)

    ((ended_at, ended),) = events(machine, SILENCE * 100)

    wait = math.ceil(wait_ms / FRAME_MS)
    assert (8 + ended_at + 1, ended) == (wait, SpeechEnded(wait, EndReason.SILENCE))


def test_a_pause_that_is_longer_already_ends_with_the_next_frame():
    machine = paused(15, wait_ms=100)

    assert events(machine, SILENCE) == [(0, SpeechEnded(16, EndReason.SILENCE))]


def test_a_pause_that_is_longer_already_goes_on_if_the_next_frames_are_speech():
    machine = paused(4, wait_ms=180)

    assert events(machine, SPEECH * 40) == []


def test_the_last_word_on_how_long_to_wait_holds():
    machine = paused(8, wait_ms=300)
    machine.wait(1000)

    ((ended_at, _),) = events(machine, SILENCE * 100)

    assert 8 + ended_at + 1 == 1000 // FRAME_MS


def test_the_next_pause_is_waited_for_as_usual():
    machine = paused(8, wait_ms=1000)

    happened = events(machine, SPEECH * 20 + SILENCE * 60)

    assert happened == [(20 + END_SILENCE - 1, SpeechEnded(END_SILENCE, EndReason.SILENCE))]


def test_so_is_the_next_turn():
    machine = paused(8, wait_ms=200)
    events(machine, SILENCE * 4)

    happened = events(machine, SPEECH * MIN_SPEECH + SILENCE * 60)

    assert happened[1] == (MIN_SPEECH + END_SILENCE - 1, SpeechEnded(END_SILENCE, EndReason.SILENCE))


def test_without_a_pause_nothing_changes():
    machine = endpointer()
    machine.wait(100)
    events(machine, SPEECH * 40)
    machine.wait(100)

    assert events(machine, SILENCE * 60) == [(END_SILENCE - 1, SpeechEnded(END_SILENCE, EndReason.SILENCE))]


@pytest.mark.parametrize("wait_ms", [0, -20, math.nan, math.inf])
def test_a_wait_that_is_no_duration_is_refused(wait_ms):
    with pytest.raises(ValueError, match="must be positive and finite"):
        endpointer().wait(wait_ms)


def test_doubt_starts_no_turn_but_goes_on_with_one():
    doubt = [0.4]

    assert events(endpointer(), doubt * 100) == []
    assert len(events(endpointer(), SPEECH * MIN_SPEECH + doubt * 100)) == 1


def test_a_turn_is_cut_at_max_turn_while_speech_goes_on_and_the_next_one_begins_after_it():
    happened = events(endpointer(max_turn_s=2), SPEECH * 250)

    assert happened == [
        (9, SpeechStarted(10)),
        (99, SpeechEnded(0, EndReason.MAX_TURN)),
        (109, SpeechStarted(10)),
        (199, SpeechEnded(0, EndReason.MAX_TURN)),
        (209, SpeechStarted(10)),
    ]


def test_max_turn_counts_from_the_first_frame_of_speech_and_tells_how_long_it_has_been_silent():
    word = SPEECH * 5 + SILENCE * 3 + SPEECH * 5

    _, (ended_at, ended) = events(endpointer(max_turn_s=0.5), SILENCE * 8 + word + SILENCE * 60)

    assert ended_at == 8 + 25 - 1
    assert ended == SpeechEnded(25 - len(word), EndReason.MAX_TURN)


def test_a_turn_ends_at_the_maximum_even_if_that_is_shorter_than_its_start():
    happened = events(endpointer(max_turn_s=0.001), SPEECH * 40)

    assert [type(event) for _, event in happened][:2] == [SpeechStarted, SpeechEnded]


def test_reset_forgets_a_turn_and_what_led_to_one():
    machine = endpointer()
    events(machine, SPEECH * 30)
    machine.reset()

    assert events(machine, SILENCE * 60) == []
    events(machine, SPEECH * (MIN_SPEECH - 1))
    machine.reset()
    assert events(machine, SPEECH * (MIN_SPEECH - 1)) == []


def test_a_probability_that_is_no_number_is_no_speech():
    assert events(endpointer(), [math.nan] * 100) == []
    assert len(events(endpointer(), SPEECH * 20 + [math.nan] * 100)) == 2


@pytest.mark.parametrize("option", ["min_speech_ms", "end_silence_ms", "max_turn_s", "frame_ms"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_duration_that_is_not_positive_is_refused(option, value):
    with pytest.raises(ValueError, match="must be positive"):
        Endpointer(**{"frame_ms": FRAME_MS, option: value})


@settings(max_examples=300, deadline=None)
@given(
    signals,
    st.sampled_from([10, 20, 32]),
    st.integers(20, 400),
    st.integers(20, 800),
    st.floats(0.1, 3),
)
def test_every_turn_obeys_the_laws(signal, frame_ms, min_speech_ms, end_silence_ms, max_turn_s):
    machine = Endpointer(
        frame_ms=frame_ms, min_speech_ms=min_speech_ms, end_silence_ms=end_silence_ms, max_turn_s=max_turn_s
    )
    shortest, wait = math.ceil(min_speech_ms / frame_ms), math.ceil(end_silence_ms / frame_ms)

    happened = events(machine, signal)

    last_end = -1
    began_at = None
    for i, event in happened:
        if began_at is None:
            assert isinstance(event, SpeechStarted)
            began_at = i + 1 - event.speech_frames
            assert began_at > last_end  # never reaches into the turn before
            assert event.speech_frames <= machine.history_frames
            turn = signal[began_at : i + 1]
            assert turn[0] >= 0.5
            assert turn[-1] >= 0.5
            assert sum(p >= 0.5 for p in turn) >= shortest
        else:
            assert isinstance(event, SpeechEnded)
            last_speech = signal[i - event.silence_frames]
            assert last_speech >= 0.35
            if event.reason is EndReason.SILENCE:
                assert event.silence_frames == wait
            longest = max(math.ceil(max_turn_s * 1000 / frame_ms - 1e-9), machine.history_frames + 1)
            assert i + 1 - began_at <= longest
            if event.reason is EndReason.MAX_TURN:
                assert event.silence_frames < wait
                assert i + 1 - began_at == longest
            last_end, began_at = i, None
    if began_at is not None:  # still open: so it has not been silent for long enough
        assert any(p >= 0.35 for p in signal[-wait:])


class Turns(RuleBasedStateMachine):
    """Push anything in any order, resets included: what a listener relies on must hold after every frame."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Endpointer(frame_ms=FRAME_MS, max_turn_s=3)
        self.in_turn = False
        self.turn_frames = 0
        self.since_event = 0
        self.recent: list[float] = []
        self.longest_wait = END_SILENCE  # that was asked for since speech went on

    @rule(probability=probabilities, times=st.integers(1, 45))
    def push(self, probability: float, times: int) -> None:
        for _ in range(times):
            event = self.machine.push(probability)
            self.recent.append(probability)
            self.since_event += 1
            self.turn_frames += self.in_turn
            if event is None:
                continue
            assert isinstance(event, SpeechEnded if self.in_turn else SpeechStarted)
            if isinstance(event, SpeechStarted):
                assert event.speech_frames <= self.since_event
                self.turn_frames = event.speech_frames
            else:
                assert event.silence_frames <= self.longest_wait
            self.longest_wait = END_SILENCE
            self.in_turn = not self.in_turn
            self.since_event = 0

    @rule(frames=st.integers(1, 60))
    def wait(self, frames: int) -> None:
        self.machine.wait(frames * FRAME_MS)
        self.longest_wait = max(self.longest_wait, frames)

    @rule()
    def reset(self) -> None:
        self.machine.reset()
        self.in_turn, self.turn_frames, self.since_event, self.recent = False, 0, 0, []

    @precondition(lambda self: self.in_turn)
    @invariant()
    def no_turn_is_longer_than_the_maximum(self) -> None:
        assert self.turn_frames < 150

    @precondition(lambda self: self.in_turn and len(self.recent) >= self.longest_wait)
    @invariant()
    def no_turn_is_held_open_by_silence(self) -> None:
        assert any(p >= 0.35 for p in self.recent[-self.longest_wait :])

    @precondition(lambda self: not self.in_turn and self.since_event >= MIN_SPEECH)
    @invariant()
    def no_speech_is_left_out(self) -> None:
        assert not all(p >= 0.5 for p in self.recent[-MIN_SPEECH:])


TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
