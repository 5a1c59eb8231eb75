"""Steps of fixed shapes, as a GPU's graph holds them: run without a graph here, they pick what the others pick."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")

from benchmarks import mini_omni_parity as parity  # noqa: E402
from tests.models.mini_omni import tiny_weights  # noqa: E402
from voicechat.models.mini_omni import stepping  # noqa: E402
from voicechat.models.mini_omni.generate import generate_batch  # noqa: E402
from voicechat.models.mini_omni.stepping import EagerStepper, StaticStepper, greedy, stepper  # noqa: E402

CASES = json.loads(parity.GOLDEN.read_text(encoding="utf-8"))
ONE_OF_EACH = list({case["task"]: case for case in CASES}.values())


@pytest.fixture(autouse=True)
def fixed_shapes(monkeypatch):
    monkeypatch.setattr(stepping, "wants_graphs", lambda device: True)


def reply(model, seed, n_picks=14):
    return generate_batch(model, tiny_weights.audio_features(seed, 20), max_new_tokens=n_picks)


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=parity.name_of)
def test_fixed_shapes_match_the_golden_cases(case):
    assert parity.differences(case, parity.steps_of(case)) == []


def test_one_stepper_serves_one_reply_after_another_and_nothing_of_the_last_is_left():
    model = tiny_weights.model(9)
    alone = {seed: list(reply(tiny_weights.model(9), seed)) for seed in (1, 2)}

    assert list(reply(model, 2)) == alone[2]
    (first,) = model.idle_steppers[2]
    with torch.inference_mode():
        first.cache.keys.fill_(1e4)  # whatever a longer reply left behind
        first.cache.values.fill_(1e4)
    assert list(reply(model, 1)) == alone[1]
    assert model.idle_steppers[2] == [first]


def test_replies_at_once_have_steppers_of_their_own():
    model = tiny_weights.model(9)
    alone = list(reply(model, 1))

    together = list(zip(reply(model, 1), reply(model, 1), strict=True))

    assert [first for first, _ in together] == [second for _, second in together] == alone
    assert len(model.idle_steppers[2]) == 2


def test_a_closed_reply_gives_its_stepper_back():
    model = tiny_weights.model(9)
    steps = reply(model, 1)
    next(steps)
    assert model.idle_steppers[2] == []

    steps.close()

    assert len(model.idle_steppers[2]) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_a_step_gives_the_same_either_way(dtype):
    model = tiny_weights.model(9).to(dtype)
    rows = [([1, 2, 3, 4, 5, 6, 7], 8), ([9] * 7, 8)]
    steppers = EagerStepper(model, batch=2, n_positions=20), StaticStepper(model, batch=2)

    for n_rows in (2, 2, 1):
        seen, picks = [], []
        for one in steppers:
            picks.append(one.step(rows[:n_rows], noting(seen), speaks=True, writes=n_rows == 2))

        n_kinds = n_rows  # audio logits, and with two rows those of the text
        for ours, theirs in zip(seen[:n_kinds], seen[n_kinds:], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0.05 if dtype == torch.bfloat16 else 1e-4, atol=0.1)
        assert picks[0].shape == picks[1].shape == (8 if n_rows == 2 else 7,)


def noting(seen):
    """Pick the likeliest, and note the logits."""

    def pick(logits):
        seen.append(logits)
        return greedy(logits)

    return pick


@torch.inference_mode()
def test_greedy_picks_are_part_of_the_step():
    model = tiny_weights.model(9)
    seen = []
    one, other = (StaticStepper(model, batch=2) for _ in range(2))
    rows = [([1, 2, 3, 4, 5, 6, 7], 8), ([9] * 7, 8)]

    picks = one.step(rows, greedy, speaks=True, writes=True)

    assert torch.equal(picks, other.step(rows, noting(seen), speaks=True, writes=True))
    assert [len(logits.shape) for logits in seen] == [2, 1]


def test_without_a_gpu_no_shapes_are_fixed(monkeypatch):
    monkeypatch.undo()
    model = tiny_weights.model(9)

    with stepper(model, batch=1, n_positions=8) as replying:
        assert isinstance(replying, EagerStepper)
