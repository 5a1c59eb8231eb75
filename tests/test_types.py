import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicechat.types import AudioChunk, CancelToken
from voicechat.utterance import Utterance

TIMEOUT_S = 5.0


def in_thread(work):
    result = []
    thread = threading.Thread(target=lambda: result.append(work()), name="voicechat-test")
    thread.start()
    return thread, result


def test_a_token_runs_each_callback_once_and_at_once_when_it_is_late():
    token = CancelToken()
    calls = []
    token.on_cancel(lambda: calls.append("early"))

    token.cancel()
    token.cancel()
    token.on_cancel(lambda: calls.append("late"))

    assert calls == ["early", "late"]
    assert token.cancelled
    assert token.wait(0)


@given(st.lists(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=5), max_size=8))
def test_every_reader_of_an_utterance_gets_all_of_it(frames):
    utterance = Utterance()
    for frame in frames:
        utterance.push(np.array(frame, np.float32))
    utterance.end(ended_at=1.0, speech_s=0.5)

    first, second = list(utterance), list(utterance)

    whole = np.array([sample for frame in frames for sample in frame], np.float32)
    assert np.array_equal(np.concatenate([*first, np.zeros(0, np.float32)]), whole)
    assert len(first) == len(second) == len(frames)
    assert np.array_equal(utterance.audio(), whole)


def test_a_reader_gets_frames_while_the_user_is_still_speaking():
    utterance = Utterance()
    frames = iter(utterance)
    utterance.push(np.ones(3, np.float32))

    assert len(next(frames)) == 3
    assert not utterance.finished


def test_cancelling_ends_every_wait_on_an_utterance():
    utterance = Utterance()
    iterating, frames = in_thread(lambda: list(utterance))
    waiting, audio = in_thread(utterance.audio)

    utterance.cancel.cancel()
    iterating.join(TIMEOUT_S)
    waiting.join(TIMEOUT_S)

    assert frames == [[]]
    assert len(audio[0]) == 0


def test_a_chunk_knows_how_long_it_lasts():
    assert AudioChunk(np.zeros(2400, np.float32), 24_000).duration_s == 0.1


def test_work_begun_at_a_pause_is_all_of_it_when_the_user_says_no_more():
    utterance = Utterance()
    drafts = utterance.drafts()
    utterance.push(np.ones(3, np.float32))
    utterance.pause()

    draft = next(drafts)
    utterance.push(np.zeros(5, np.float32))
    utterance.end(ended_at=1.0, speech_s=0.5)

    assert draft.wait()
    assert not draft.stale
    assert len(draft.audio) == 3
    assert list(drafts) == []


def test_work_begun_at_a_pause_is_in_vain_when_the_user_goes_on():
    utterance = Utterance()
    drafts = utterance.drafts()
    utterance.push(np.ones(3, np.float32))
    utterance.pause()

    first = next(drafts)
    utterance.push(np.ones(2, np.float32))
    utterance.resume()
    utterance.end(ended_at=1.0, speech_s=0.5)

    assert not first.wait()
    assert first.stale
    [second] = drafts
    assert second.wait()
    assert len(second.audio) == 5


def test_cancelling_ends_the_wait_for_a_draft_and_what_becomes_of_it():
    utterance = Utterance()
    utterance.pause()
    draft = next(utterance.drafts())
    waiting, became_final = in_thread(draft.wait)
    iterating, drafts = in_thread(lambda: len(list(Utterance.drafts(utterance))))

    utterance.cancel.cancel()
    waiting.join(TIMEOUT_S)
    iterating.join(TIMEOUT_S)

    assert became_final == [False]
    assert drafts in ([0], [1])
