"""All four parts together: the reply is exactly what the parts give one by one, and stops when it is told to."""

from __future__ import annotations

import shutil
import typing

import numpy as np
import pytest
import torch

from tests.models.mini_omni.checkpoints import TINY, write_model, write_small_pt
from tests.models.mini_omni.pipelines import noise, tiny_pipeline
from voicechat.errors import ModelError
from voicechat.models.mini_omni.generate import Sampling, generate, generate_batch
from voicechat.models.mini_omni.pipeline import FRAME_S, Pipeline, Precision, Style, load
from voicechat.models.mini_omni.snac import FRAME_SAMPLES
from voicechat.models.mini_omni.tokens import N_LAYERS, Step, Task, frames, prompt

STYLE = Style(max_reply_s=5 * FRAME_S)
N_STEPS = 5 + N_LAYERS


def never() -> bool:
    return False


def heard(audio):
    found = tiny_pipeline().hear(audio, margin_s=0.0, stopped=never)
    assert found is not None
    return found.features


def joined(pieces):
    pieces = list(pieces)
    return "".join(piece.text for piece in pieces), np.concatenate([piece.samples for piece in pieces])


def one_by_one(steps, *, seed):
    """Give the words and the sound of steps, each made whole."""
    pipeline, steps = tiny_pipeline(), list(steps)
    text = pipeline.tokenizer.stream()
    words = "".join(text.push(step.text) for step in steps if step.text is not None) + text.finish()
    return words, pipeline.voice.decode(torch.tensor(list(frames(steps))).T, noise_seed=seed).numpy()


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, top_k=50, seed=3)], ids=["greedy", "drawn"])
def test_a_reply_is_the_words_and_the_sound_of_the_steps_with_the_tail(sampling):
    features = heard(noise(8000))

    words, sound = joined(tiny_pipeline().answer(features, Style(sampling, 5 * FRAME_S, noise_seed=7), never))

    steps = generate_batch(tiny_pipeline().model, features, max_new_tokens=N_STEPS, sampling=sampling)
    expected_words, expected_sound = one_by_one(steps, seed=7)
    assert words == expected_words
    assert len(sound) == len(expected_sound) == 5 * FRAME_SAMPLES
    assert np.abs(sound - expected_sound).max() < 1e-4


def test_different_utterances_have_different_replies():
    replies = [joined(tiny_pipeline().answer(heard(noise(8000, seed)), STYLE, never))[1] for seed in (0, 1)]

    assert np.abs(replies[0] - replies[1]).max() > 0.1


def test_a_typed_text_is_answered_aloud():
    words, sound = joined(tiny_pipeline().answer_text("hello", STYLE, never))

    asked = prompt(Task.TEXT_TO_SPEECH, text=[ord(letter) for letter in "hello"])
    steps = generate(tiny_pipeline().model, asked, speaks=True, max_new_tokens=N_STEPS)
    expected_words, expected_sound = one_by_one(steps, seed=0)
    assert words == expected_words
    assert np.abs(sound - expected_sound).max() < 1e-4


def test_what_was_heard_is_written_down(monkeypatch):
    monkeypatch.setattr("voicechat.models.mini_omni.pipeline.MAX_WORDS_TOKENS", 12)

    features = heard(noise(8000))

    words = tiny_pipeline().words(features, never)

    asked = prompt(Task.TRANSCRIBE, n_frames=len(features))
    steps = generate(tiny_pipeline().model, asked, speaks=False, max_new_tokens=12, features=features)
    assert words == bytes(97 + step.text % 26 for step in steps).decode()
    assert len(words) == 12


def test_a_reply_that_does_not_end_is_cut_and_says_so():
    pieces = list(tiny_pipeline().answer(heard(noise(8000)), STYLE, never))

    assert [piece.cut for piece in pieces] == [False] * N_STEPS + [True]


class Ending(Pipeline):
    """Its model ends the reply after three frames, and says something special in the second."""

    def __init__(self) -> None:
        tiny = tiny_pipeline()
        super().__init__(encoder=tiny.encoder, model=tiny.model, voice=tiny.voice, tokenizer=tiny.tokenizer)

    def answer(self, features, style, stopped):
        steps = [Step(tuple(range(index, index + N_LAYERS)), 7) for index in range(3 + N_LAYERS)]
        steps[3] = Step((0, 0, 4097, 0, 0, 0, 0), 7)  # the third layer's pad, in the second frame
        return self._pieces((step for step in steps), 99, style, stopped)


def test_a_reply_that_ends_is_not_cut_and_a_frame_with_a_special_token_is_left_out():
    pieces = list(Ending().answer(heard(noise(8000)), STYLE, never))

    assert not any(piece.cut for piece in pieces)
    assert len(joined(pieces)[1]) == 2 * FRAME_SAMPLES


@pytest.mark.parametrize("n_steps", [1, 2, 7, 8, 9, 12])
def test_it_stops_within_one_step(n_steps):
    asked = []

    def stopped() -> bool:
        asked.append(True)
        return len(asked) == n_steps

    pieces = list(tiny_pipeline().answer(heard(noise(8000)), STYLE, stopped))

    assert len(pieces) == n_steps


def test_an_input_that_fills_the_model_is_refused():
    with pytest.raises(ModelError, match=r"an input of 512 positions leaves .* no room"):
        tiny_pipeline().answer_text("x" * TINY.block_size, STYLE, never)


@pytest.mark.parametrize("precision", typing.get_args(Precision))
def test_a_pipeline_of_any_precision_is_loaded_from_files_and_does_all_it_can(tmp_path, precision):
    write_model(tmp_path)
    pipeline = load(tmp_path, precision=precision)
    pipeline.warm_up()
    style = Style(Sampling(temperature=1.0, top_k=20), max_reply_s=FRAME_S)

    found = pipeline.hear(noise(1600), margin_s=None, stopped=never)
    assert found is not None
    for reply in pipeline.answer(found.features, style, never), pipeline.answer_text("hello", style, never):
        assert len(joined(reply)[1]) == FRAME_SAMPLES

    pipeline.words(found.features, stopped=lambda: True)
    assert pipeline.device.type == "cpu"


def test_the_ears_may_lie_beside_the_checkpoint(tmp_path):
    write_model(tmp_path)
    shutil.rmtree(tmp_path / "whisper")
    write_small_pt(tmp_path / "checkpoint" / "small.pt")

    assert load(tmp_path).hear(noise(1600), margin_s=0.0, stopped=never) is not None
