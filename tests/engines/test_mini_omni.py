"""Mini-Omni as an engine: it works ahead in pauses, plays nothing stale, and is ready again after anything."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines.talking import FIRST_SOUND, N_LAYERS, N_STEPS, EchoPipeline, User
from tests.models.mini_omni.pipelines import noise, tiny_pipeline
from voicechat.engines.mini_omni import SINGLE_TURNS, MiniOmniEngine, Options
from voicechat.models.device import DeviceMemoryError
from voicechat.models.mini_omni.pipeline import Style
from voicechat.types import CAPTURE_RATE, AudioDelta, CancelToken, Notice, Severity, TextDelta, UserTranscript
from voicechat.utterance import Utterance

TIMEOUT_S = 10.0
SHORT = Options(max_reply_s=1.0, exact_encoder=False)


def said(audio: np.ndarray) -> Utterance:
    utterance = Utterance()
    utterance.push(audio)
    utterance.end(ended_at=1.0, speech_s=len(audio) / CAPTURE_RATE)
    return utterance


def answered(engine, audio):
    return list(engine.respond(said(audio), ()))


def sound(events) -> np.ndarray:
    chunks = [event.chunk.samples for event in events if isinstance(event, AudioDelta)]
    return np.concatenate([*chunks, np.zeros(0, np.float32)])


def text(events) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def notices(events) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


# The reply ----------------------------------------------------------------------------------------


def test_a_reply_is_what_the_models_give_for_all_of_the_utterance():
    audio = noise(8000)
    events = answered(MiniOmniEngine(tiny_pipeline(), SHORT), audio)

    heard = tiny_pipeline().hear(audio, margin_s=SHORT.encoder_margin_s, stopped=lambda: False)
    pieces = list(tiny_pipeline().answer(heard.features, Style(max_reply_s=1.0), lambda: False))
    assert np.array_equal(sound(events), np.concatenate([piece.samples for piece in pieces]))
    assert text(events) == "".join(piece.text for piece in pieces)
    assert not any(isinstance(event, UserTranscript) for event in events)


def test_the_exact_encoder_hears_something_else_than_the_fast_one():
    exact = answered(MiniOmniEngine(tiny_pipeline(), Options(max_reply_s=1.0)), noise(8000))

    assert not np.array_equal(sound(exact), sound(answered(MiniOmniEngine(tiny_pipeline(), SHORT), noise(8000))))


def test_words_come_about_when_they_are_spoken():
    events = answered(MiniOmniEngine(tiny_pipeline(), SHORT), noise(8000))

    first_sound = next(index for index, event in enumerate(events) if isinstance(event, AudioDelta))
    before = text(events[:first_sound])
    assert len(before) == 1
    assert len(text(events)) > 10


def test_typed_words_are_answered_aloud():
    engine = MiniOmniEngine(tiny_pipeline(), SHORT)

    events = list(engine.respond_to_text("hello", (), CancelToken()))

    assert len(sound(events)) > CAPTURE_RATE
    assert not np.array_equal(sound(events), sound(list(engine.respond_to_text("bye", (), CancelToken()))))


def test_the_users_words_come_after_the_reply_if_they_are_asked_for():
    pipeline = EchoPipeline()
    audio = np.full(4000, 0.5, np.float32)

    events = answered(MiniOmniEngine(pipeline, Options(show_my_words=True)), audio)

    assert events[-1] == UserTranscript("2000.000", final=True)
    assert pipeline.stages[-1] == "words"
    assert pipeline.stages.index("words") > pipeline.stages.index("step")


# Pauses -------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9), st.lists(st.integers(0, 2), max_size=30))
def test_whenever_the_user_pauses_and_goes_on_the_reply_is_to_all_they_said_and_to_nothing_else(seed, n_acts):
    user, pace = User(seed), iter(n_acts)
    pipeline = EchoPipeline(lambda _stage: [user.act() for _ in range(next(pace, 0))])

    talking = user.talk()
    events = list(MiniOmniEngine(pipeline).respond(user.utterance, ()))
    talking.join(TIMEOUT_S)

    n_sounds = N_STEPS - FIRST_SOUND + 1
    total = np.float32(user.final_audio.sum())
    assert np.array_equal(sound(events), np.full(100 * n_sounds, total))
    assert text(events) == "".join(f"{index} " for index in range(N_STEPS)) + "end"
    assert notices(events) == []
    assert pipeline.open == 0


@pytest.mark.parametrize("seed", range(8))
def test_with_a_model_too_the_reply_is_to_all_the_user_said(seed):
    user = User(seed, n_acts=3)
    engine = MiniOmniEngine(tiny_pipeline(), SHORT)

    talking = user.talk()
    events = list(engine.respond(user.utterance, ()))
    talking.join(TIMEOUT_S)

    assert np.array_equal(sound(events), sound(answered(engine, user.final_audio)))


def test_the_work_up_to_the_first_sound_is_done_before_the_turn_is_over_and_no_more():
    pipeline = EchoPipeline()
    utterance = EndedWhenAwaited(lambda: done_before.extend(pipeline.stages))
    done_before: list[str] = []

    events = list(MiniOmniEngine(pipeline).respond(utterance, ()))

    ahead = [*N_LAYERS * ["hear"], "prefill", *(FIRST_SOUND + 1) * ["step"]]
    assert done_before == ahead
    assert pipeline.stages == ahead + (N_STEPS - FIRST_SOUND - 1) * ["step"]
    assert len(sound(events)) == 100 * (N_STEPS - FIRST_SOUND + 1)


class EndedWhenAwaited(Utterance):
    """The user pauses, and is known to have said all only when the engine has nothing left to do but wait for that."""

    def __init__(self, before_the_end) -> None:
        super().__init__()
        self._before_the_end = before_the_end
        self.push(np.ones(8000, np.float32))
        self.pause()

    def drafts(self):
        for draft in super().drafts():
            draft.wait = self._end
            yield draft

    def _end(self) -> bool:
        self._before_the_end()
        self.end(ended_at=1.0, speech_s=0.5)
        return True


@pytest.mark.parametrize(
    ("stage", "begun"),
    [
        ("hear", ["hear"]),
        ("heard", N_LAYERS * ["hear"]),
        ("prefill", [*N_LAYERS * ["hear"], "prefill", "step"]),
        ("step", [*N_LAYERS * ["hear"], "prefill", "step"]),
    ],
)
def test_work_on_a_draft_stops_within_the_stage_in_which_the_user_goes_on(stage, begun):
    utterance = Utterance()

    def go_on(at: str) -> None:
        if at == stage and not utterance.finished:
            utterance.resume()
            utterance.push(noise(8000))
            utterance.end(ended_at=1.0, speech_s=1.0)

    pipeline = EchoPipeline(go_on)
    utterance.push(noise(8000))
    utterance.pause()

    events = list(MiniOmniEngine(pipeline).respond(utterance, ()))

    again = [*N_LAYERS * ["hear"], "prefill", *N_STEPS * ["step"]]
    assert pipeline.stages == begun + again
    assert sound(events)[0] == np.float32(utterance.audio().sum())


# Being stopped ------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 20), st.booleans())
def test_a_reply_that_is_stopped_anywhere_ends_within_a_step_and_leaves_the_engine_ready(n_stages, by_closing):
    utterance = said(np.full(8000, 0.5, np.float32))

    def stop(_stage: str) -> None:
        if not by_closing and len(pipeline.stages) == n_stages + 1:
            utterance.cancel.cancel()

    pipeline = EchoPipeline(stop)
    engine = MiniOmniEngine(pipeline, Options(show_my_words=True))
    reply = engine.respond(utterance, ())
    events = []
    for event in reply:
        events.append(event)
        if by_closing and len(events) > n_stages:
            break
    reply.close()

    if not by_closing:
        assert len(pipeline.stages) <= n_stages + 2
        assert not (utterance.cancel.cancelled and any(isinstance(event, UserTranscript) for event in events))
    assert pipeline.open == 0
    again = said(np.full(4000, 0.5, np.float32))
    assert sound(list(engine.respond(again, ())))[0] == 2000.0


@pytest.mark.parametrize("n_events", [0, 1, 5])
def test_a_model_whose_reply_is_stopped_answers_the_next_turn_as_ever(n_events):
    engine = MiniOmniEngine(tiny_pipeline(), SHORT)
    utterance = said(noise(8000))

    for index, _ in enumerate(engine.respond(utterance, ())):
        if index == n_events:
            utterance.cancel.cancel()

    fresh = MiniOmniEngine(tiny_pipeline(), SHORT)
    assert np.array_equal(sound(answered(engine, noise(8000, 1))), sound(answered(fresh, noise(8000, 1))))


def test_an_utterance_that_was_cancelled_before_is_not_worked_on():
    pipeline = EchoPipeline()
    utterance = said(noise(8000))
    utterance.cancel.cancel()

    assert list(MiniOmniEngine(pipeline).respond(utterance, ())) == []
    assert pipeline.stages == []


def test_one_engine_answers_two_talks_at_once():
    engine = MiniOmniEngine(tiny_pipeline(), SHORT)
    audios = [noise(8000, seed) for seed in (1, 2)]
    alone = [sound(answered(engine, audio)) for audio in audios]
    together = [None, None]
    both = threading.Barrier(2)

    def talk(index: int) -> None:
        both.wait(TIMEOUT_S)
        together[index] = sound(answered(engine, audios[index]))

    threads = [threading.Thread(target=talk, args=(index,), name="voicechat-test") for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)

    assert not np.array_equal(alone[0], alone[1])
    assert np.array_equal(together[0], alone[0])
    assert np.array_equal(together[1], alone[1])


# What the user is told ----------------------------------------------------------------------------


def test_that_it_remembers_nothing_is_said_at_the_start():
    told = [notice.text for notice in MiniOmniEngine(EchoPipeline()).notices()]

    assert told[0] == SINGLE_TURNS
    assert "--show-my-words" in told[1]
    assert len(MiniOmniEngine(EchoPipeline(), Options(show_my_words=True)).notices()) == 1


@pytest.mark.parametrize("n_samples", [0, 1, 1599])
def test_a_sound_that_is_too_short_is_not_answered_but_told(n_samples):
    events = answered(MiniOmniEngine(EchoPipeline()), np.ones(n_samples, np.float32))

    assert notices(events) == [f"{n_samples / 16:.0f} ms of sound are too short to be understood"]
    assert len(events) == 1


@pytest.mark.parametrize(("duration_s", "told"), [(30, []), (31.5, ["of your 31.5 s only the first 30 s are heard"])])
def test_what_is_heard_of_a_long_utterance_is_told(duration_s, told):
    events = answered(MiniOmniEngine(EchoPipeline()), np.zeros(int(duration_s * CAPTURE_RATE), np.float32))

    assert [notice.split(":")[0] for notice in notices(events)] == told


def test_a_reply_that_would_not_end_is_told_after_its_last_sound():
    events = answered(MiniOmniEngine(EchoPipeline(cut=True)), np.ones(8000, np.float32))

    assert isinstance(events[-1], Notice)
    assert events[-1].severity is Severity.WARNING
    assert events[-1].text.startswith("the reply is cut after")


# A GPU that is full -------------------------------------------------------------------------------


class Full(EchoPipeline):
    """A pipeline on a GPU whose memory is full at a stage."""

    def __init__(self, stage: str) -> None:
        super().__init__(self._fail)
        self._stage = stage

    def _fail(self, stage: str) -> None:
        if stage == self._stage:
            raise DeviceMemoryError("the memory of cuda is full")


@pytest.mark.parametrize("stage", ["hear", "prefill"])
def test_a_full_gpu_moves_the_reply_and_all_after_it_to_the_cpu_with_one_line(stage):
    loads = []
    engine = MiniOmniEngine(Full(stage), load_on_cpu=lambda: loads.append(EchoPipeline()) or loads[-1])

    first, second = (answered(engine, np.ones(8000, np.float32)) for _ in range(2))

    assert notices(first) == ["the memory of cuda is full; mini-omni goes on on the CPU"]
    assert notices(second) == []
    assert np.array_equal(sound(first), sound(second))
    assert len(sound(first)) > 0
    assert len(loads) == 1
    assert "the CPU" in engine.notices()[0].text


def test_talks_that_find_the_gpu_full_together_load_the_models_on_the_cpu_once():
    class FullForBoth(EchoPipeline):
        def hear(self, audio, *, margin_s, stopped):
            if not replies:
                replies.append([])  # the other talk finds it full while this one does
                replies[0] = answered(engine, audio)
            raise DeviceMemoryError("the memory of cuda is full")

    replies, loads = [], []
    engine = MiniOmniEngine(FullForBoth(), load_on_cpu=lambda: loads.append(EchoPipeline()) or loads[-1])

    replies.append(answered(engine, np.ones(8000, np.float32)))

    assert len(loads) == 1
    assert np.array_equal(sound(replies[0]), sound(replies[1]))


def test_a_reply_that_has_begun_when_the_gpu_is_full_is_not_begun_again():
    engine = MiniOmniEngine(Full("words"), Options(show_my_words=True), load_on_cpu=EchoPipeline)

    events = answered(engine, np.ones(8000, np.float32))

    assert len(sound(events)) == 100 * (N_STEPS - FIRST_SOUND + 1)
    assert len(notices(events)) == 1
