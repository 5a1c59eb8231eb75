"""Prompts and the delay pattern: integers only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from voicechat.models.mini_omni.tokens import (  # noqa: E402
    END_OF_AUDIO,
    END_OF_TEXT,
    MAX_WHISPER_FRAMES,
    N_CODES,
    N_LAYERS,
    TEXT_VOCAB,
    Step,
    Task,
    audio_id,
    frames,
    n_whisper_frames,
    prompt,
)

codes = st.integers(0, N_CODES - 1)
frame_lists = st.lists(st.tuples(*[codes] * N_LAYERS), max_size=12)


def delayed(whole_frames, filler=0):
    """Lay frames out as the model speaks them: layer l lags l + 1 steps behind."""
    n_steps = len(whole_frames) + N_LAYERS if whole_frames else 0
    rows = [[filler] * n_steps for _ in range(N_LAYERS)]
    for index, frame in enumerate(whole_frames):
        for layer, code in enumerate(frame):
            rows[layer][index + layer + 1] = code
    return [Step(tuple(column), None) for column in zip(*rows, strict=True)]


@given(frame_lists)
def test_frames_undoes_the_delay(whole_frames):
    assert list(frames(delayed(whole_frames))) == whole_frames


@given(frame_lists.filter(len))
def test_a_frame_is_given_with_the_step_that_completes_it(whole_frames):
    steps = delayed(whole_frames)

    for n_steps in range(len(steps) + 1):
        assert len(list(frames(steps[:n_steps]))) == max(0, n_steps - N_LAYERS)


@given(frame_lists.filter(len), st.data())
def test_a_frame_with_a_special_token_in_any_layer_is_skipped_and_no_other(whole_frames, data):
    spoilt = data.draw(st.integers(0, len(whole_frames) - 1))
    layer = data.draw(st.integers(0, N_LAYERS - 1))
    special = data.draw(st.integers(N_CODES, 4159))
    with_special = list(whole_frames)
    with_special[spoilt] = (*whole_frames[spoilt][:layer], special, *whole_frames[spoilt][layer + 1 :])

    assert list(frames(delayed(with_special))) == whole_frames[:spoilt] + whole_frames[spoilt + 1 :]


def test_filler_before_the_first_frame_is_not_heard():
    assert list(frames(delayed([(1, 2, 3, 4, 5, 6, 7)], filler=END_OF_AUDIO))) == [(1, 2, 3, 4, 5, 6, 7)]


@pytest.mark.parametrize(
    ("duration_ms", "n_frames"),
    [(0, 1), (19, 1), (20, 2), (1_000, 51), (29_990, 1_500), (30_000, 1_500), (90_000, 1_500)],
)
def test_whisper_frames_of_a_duration(duration_ms, n_frames):
    assert n_whisper_frames(duration_ms) == n_frames <= MAX_WHISPER_FRAMES


@pytest.mark.parametrize("task", Task)
def test_a_prompt_has_as_many_positions_as_its_input_and_three_more(task):
    speech = task in (Task.SPEECH_TO_SPEECH, Task.SPEECH_TO_TEXT, Task.TRANSCRIBE)

    ids = prompt(task, n_frames=5 if speech else 0, text=() if speech else range(5))

    assert ids.shape == (N_LAYERS + 1, 8)
    assert int(ids[-1].max()) < TEXT_VOCAB
    for layer in range(N_LAYERS):
        assert audio_id(layer, 0) <= int(ids[layer].min()) <= int(ids[layer].max()) < audio_id(layer + 1, 0)
    assert ids[-1, -2] == END_OF_TEXT
