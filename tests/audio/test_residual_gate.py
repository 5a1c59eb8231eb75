from __future__ import annotations

import numpy as np
import pytest

from tests.vad.signals import voice, white
from voicechat.audio.residual_gate import ResidualGate

FRAME = 160
ROOM = 1e-3


def gated(gate: ResidualGate, near: np.ndarray, cancelled: np.ndarray, far: np.ndarray) -> np.ndarray:
    frames = [slice(i, i + FRAME) for i in range(0, len(near) - FRAME + 1, FRAME)]
    return np.concatenate([gate.process(near[f], cancelled[f], far[f]) for f in frames])


def learnt(seconds: float = 6.0) -> ResidualGate:
    """Give a gate that knows the room and its echo."""
    gate = ResidualGate()
    room = ROOM * white(3, seed=5)
    gated(gate, room, room, np.zeros(len(room)))
    echo = 0.1 * voice(seconds, seed=3)
    room = ROOM * white(seconds, seed=6)
    gated(gate, echo + room, 0.002 * echo + room, 4 * echo)
    return gate


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def test_while_nothing_plays_nothing_is_changed():
    sound = 0.3 * voice(3, seed=2)

    assert np.array_equal(gated(ResidualGate(), sound, sound, np.zeros(len(sound))), sound)


def test_what_is_left_of_an_echo_becomes_noise_as_loud_as_the_room():
    gate = learnt()
    echo, room = 0.1 * voice(3, seed=8), ROOM * white(3, seed=9)
    left = 0.03 * echo + room
    heard = gated(gate, echo + room, left, 4 * echo)

    assert rms(left) > 1.1 * ROOM
    assert rms(heard[1600:]) == pytest.approx(ROOM, rel=0.15)
    assert abs(np.corrcoef(heard[1600:], left[1600 : len(heard)])[0, 1]) < 0.1


def test_a_user_who_speaks_over_the_echo_is_let_through_unchanged():
    gate = learnt()
    echo, user = 0.1 * voice(3, seed=8), 0.1 * voice(3, seed=21)
    heard = gated(gate, echo + user, user + ROOM * white(3, seed=9), 4 * echo)

    loud = np.abs(user[: len(heard)]) > 0.02
    assert np.corrcoef(heard[loud], user[: len(heard)][loud])[0, 1] > 0.99


def test_the_first_sound_of_a_reply_that_a_canceller_lets_through_is_held_back():
    gate = learnt()
    pause = ROOM * white(2, seed=10)
    gated(gate, pause, pause, np.zeros(len(pause)))
    gate.doubt()
    echo = 0.1 * voice(0.5, seed=8)
    lead = np.zeros(10 * FRAME)  # the reference comes first
    near = np.concatenate([lead, echo]) + ROOM * white(0.6, seed=9)
    heard = gated(gate, near, near, np.concatenate([4 * echo, lead]))

    assert rms(heard) < 3 * ROOM


def test_a_young_canceller_is_trusted_only_with_who_is_louder_than_the_echo():
    gate = learnt()
    gate.forget()
    echo, room = 0.1 * voice(1, seed=8), ROOM * white(1, seed=9)

    assert rms(gated(gate, echo + room, 0.5 * echo + room, 4 * echo)[1600:]) < 2 * ROOM
    gate.trust()
    assert rms(gated(gate, echo + room, 0.5 * echo + room, 4 * echo)[1600:]) > 5 * ROOM


def test_somebody_who_speaks_meanwhile_is_not_learnt_as_noise():
    gate = ResidualGate()
    room = ROOM * white(3, seed=5)
    gated(gate, room, room, np.zeros(len(room)))
    speech = 0.2 * voice(5, seed=7)
    gated(gate, speech, speech, np.zeros(len(speech)))
    echo, room = 0.1 * voice(2, seed=8), ROOM * white(2, seed=9)
    heard = gated(gate, echo + room, 0.01 * echo + room, 4 * echo)

    assert rms(heard[3200:]) < 2 * ROOM
