"""Generation: the published code's picks, token for token, and the laws of sampling, stopping and cancelling."""

from __future__ import annotations

import copy
import functools
import json
from itertools import islice

import pytest

torch = pytest.importorskip("torch")

from benchmarks import mini_omni_parity as parity  # noqa: E402
from tests.models.mini_omni import tiny_weights  # noqa: E402
from voicechat.models.mini_omni import kernels  # noqa: E402
from voicechat.models.mini_omni.generate import Sampling, generate, generate_batch, sample  # noqa: E402
from voicechat.models.mini_omni.tokens import Step, Task, frames, prompt  # noqa: E402

CASES = json.loads(parity.GOLDEN.read_text(encoding="utf-8"))
ONE_OF_EACH = list({case["task"]: case for case in CASES}.values())
SPOKEN = next(case for case in CASES if case["task"] == parity.BATCH)


@functools.cache
def model():
    return tiny_weights.model(SPOKEN["seed"], tied=SPOKEN["tied"])


@functools.cache
def features():
    return tiny_weights.audio_features(SPOKEN["seed"], SPOKEN["audio_frames"])


def batch_steps(n_picks=20, **kwargs):
    return generate_batch(model(), features(), max_new_tokens=n_picks, **kwargs)


def text_to_text(n_text, n_picks):
    ids = prompt(Task.TEXT_TO_TEXT, text=range(n_text))
    return generate(model(), ids, speaks=False, max_new_tokens=n_picks)


@pytest.mark.parametrize("case", CASES, ids=parity.name_of)
def test_every_golden_case_matches_token_for_token(case):
    assert parity.differences(case, parity.steps_of(case)) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, top_k=50)], ids=["greedy", "drawn"])
@pytest.mark.parametrize("case", ONE_OF_EACH, ids=parity.name_of)
def test_every_task_runs_in_every_precision(case, dtype, sampling):
    case = {**case, "max_new_tokens": 6}
    model = parity.tiny_model(case["seed"], case["tied"])

    exact, rounded = (parity.steps_of(case, of, sampling) for of in (model, copy.deepcopy(model).to(dtype)))

    assert 1 <= len(rounded) <= 6
    if sampling == Sampling():  # only the first pick: a near tie, and all that follows is something else
        assert [*rounded[0].audio, rounded[0].text] == [*exact[0].audio, exact[0].text]


def test_a_wrong_token_is_seen_by_the_parity_check():
    case = copy.deepcopy(SPOKEN)
    case["layers"][3][5] += 1
    steps = parity.steps_of(SPOKEN, model())

    assert parity.differences(case, steps) == ["layer 3 differs from step 5 on"]


def test_the_frames_the_reference_played_come_first_and_the_tail_it_dropped_follows():
    for case in (case for case in CASES if case["task"] == parity.BATCH):
        layers = case["layers"]
        played = [tuple(frame) for frame in case["reference_stream_frames"]]
        # A frame's codes lie l + 1 steps behind each other; those with an end of audio in them are none.
        delayed = [tuple(layers[layer][f + layer + 1] for layer in range(7)) for f in range(len(layers[0]) - 7)]

        ours = list(frames(Step(audio, None) for audio in zip(*layers[:7], strict=True)))

        assert ours[: len(played)] == played
        assert ours == [frame for frame in delayed if max(frame) < 4096]
        assert len(ours) > len(played) or len(ours) % 4 == 0


def test_the_same_seed_gives_the_same_picks():
    warm = Sampling(temperature=1.0, top_k=50, top_p=0.9, seed=7)

    assert list(batch_steps(sampling=warm)) == list(batch_steps(sampling=warm))


def test_another_seed_gives_other_picks():
    picks = [list(batch_steps(8, sampling=Sampling(temperature=1.0, seed=seed))) for seed in (1, 2)]

    assert picks[0] != picks[1]


@pytest.mark.parametrize("sampling", [Sampling(temperature=3.0, top_k=1), Sampling(temperature=1e-30, seed=3)])
def test_only_the_likeliest_or_no_warmth_is_greedy(sampling):
    assert list(batch_steps(10, sampling=sampling)) == list(batch_steps(10))


def test_top_k_and_top_p_draw_from_the_likeliest_only_and_from_all_of_them():
    logits = torch.tensor([0.0, 3.0, 1.0, 2.0, -1.0]).repeat(400, 1)  # probabilities .03 .64 .09 .24 .01
    generator = torch.Generator().manual_seed(0)

    def drawn(**kwargs):
        return set(sample(logits, Sampling(temperature=1.0, **kwargs), generator).tolist())

    assert drawn() >= {0, 1, 2, 3}
    assert drawn(top_k=3) == {1, 2, 3}
    assert drawn(top_p=0.5) == {1}
    assert drawn(top_p=0.7) == {1, 3}
    assert drawn(top_k=2, top_p=0.95) == {1, 3}


def test_draws_follow_the_probabilities():
    logits = torch.tensor([2.0, 0.0]).repeat(4000, 7, 1)

    picks = sample(logits, Sampling(temperature=2.0), torch.Generator().manual_seed(1))

    assert picks.shape == (4000, 7)
    assert (picks == 0).float().mean().item() == pytest.approx(torch.tensor(1.0).sigmoid().item(), abs=0.01)


@pytest.mark.parametrize("wrong", [{"temperature": -1.0}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.5}])
def test_impossible_sampling_is_refused(wrong):
    with pytest.raises(ValueError, match="top_p in"):
        Sampling(**wrong)


def test_a_generator_may_be_closed_at_any_step_and_the_next_reply_is_whole():
    whole = list(batch_steps())

    for n_taken in (0, 1, 2, 9, 10, 19, 20):
        steps = batch_steps()
        assert list(islice(steps, n_taken)) == whole[:n_taken]
        steps.close()

    assert list(batch_steps()) == whole


def test_two_replies_at_once_do_not_disturb_each_other():
    whole = list(batch_steps())

    together = list(zip(batch_steps(), batch_steps(), strict=True))

    assert [first for first, _ in together] == whole
    assert [second for _, second in together] == whole


@pytest.mark.parametrize("n_picks", [0, 1, 7])
def test_no_more_than_the_picks_asked_for(n_picks):
    assert len(list(batch_steps(n_picks))) == n_picks
    assert len(list(text_to_text(9, n_picks))) == n_picks


def test_a_reply_ends_where_the_positions_do():
    n_positions = tiny_weights.CONFIG.block_size

    # 3 of the prompt's positions are not text; the last pick needs no position.
    assert len(list(text_to_text(n_positions - 13, 1000))) == 11
    assert len(list(text_to_text(n_positions - 3, 1000))) == 1


@pytest.mark.parametrize("n_text", [510, 600])
def test_a_prompt_that_fills_all_positions_is_refused(n_text):
    with pytest.raises(ValueError, match=r"prompt has \d+ positions, the model has 512"):
        next(text_to_text(n_text, 10))


def test_speech_that_fills_all_positions_is_refused():
    long = tiny_weights.audio_features(1, 600)

    with pytest.raises(ValueError, match="positions"):
        next(generate_batch(model(), long, max_new_tokens=10))


def test_torch_keeps_its_threads():
    before = torch.get_num_threads()

    with kernels.one_torch_thread():
        assert torch.get_num_threads() == 1

    assert torch.get_num_threads() == before
