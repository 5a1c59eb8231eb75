from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vad.signals import NOISES, at_dbfs, voice, white
from voicechat.interruption import InterruptionDetector, Step
from voicechat.types import CAPTURE_RATE

ROOM_DBFS = -65
QUIET_MS = 1200  # within which of the last sound a reply goes on
FRAMES = (320, 512)


def noise(duration_s: float, dbfs: float = ROOM_DBFS, *, seed: int = 1) -> np.ndarray:
    return at_dbfs(white(duration_s, seed=seed), dbfs)


def in_noise(*sounds: np.ndarray, gap_s: float = 2.0) -> np.ndarray:
    """Put sounds into a quiet room, each after a gap, the last with one behind it."""
    gap = np.zeros(round(gap_s * CAPTURE_RATE))
    scene = np.concatenate([part for sound in sounds for part in (gap, sound)] + [gap])
    return scene + noise(len(scene) / CAPTURE_RATE)[: len(scene)]


def click(duration_ms: float = 5, dbfs: float = -20) -> np.ndarray:
    return noise(duration_ms / 1000, dbfs, seed=4)


def run(
    detector: InterruptionDetector, scene: np.ndarray, *, frame_samples: int, probability: float | None = None
) -> list[tuple[float, Step, int]]:
    """Push a scene through; give each step with the milliseconds at which it came and the detector's speech_frames.

    Ends with a TAKE, as a reply does. Without a probability, a frame that is loud is speech.
    """
    steps = []
    samples = scene.astype(np.float32)
    for n, start in enumerate(range(0, len(samples) - frame_samples + 1, frame_samples), start=1):
        frame = samples[start : start + frame_samples]
        loud = float(np.sqrt(np.mean(frame**2))) > 10 ** (-50 / 20)
        step = detector.push(frame, float(loud) if probability is None else probability)
        if step is not None:
            steps.append((n * frame_samples / CAPTURE_RATE * 1000, step, detector.speech_frames))
        if step is Step.TAKE:
            break
    return steps


@pytest.fixture(params=FRAMES, ids=["20 ms", "32 ms"])
def frame_samples(request) -> int:
    return request.param


@pytest.fixture
def detector(frame_samples) -> InterruptionDetector:
    return InterruptionDetector(frame_samples=frame_samples)


def test_speech_ducks_then_holds_then_takes(detector, frame_samples):
    scene = in_noise(at_dbfs(voice(1.5), -15))

    steps = run(detector, scene, frame_samples=frame_samples)

    assert [step for _, step, _ in steps] == [Step.DUCK, Step.HOLD, Step.TAKE]
    (duck_ms, *_), (hold_ms, *_), (take_ms, *_) = steps
    assert duck_ms - 2000 <= 90
    assert hold_ms - 2000 <= 190
    assert take_ms - 2000 <= 800


def test_a_taken_turn_begins_with_the_speech(detector, frame_samples):
    scene = in_noise(at_dbfs(voice(1.5), -15))

    take_ms, step, speech_frames = run(detector, scene, frame_samples=frame_samples)[-1]

    assert step is Step.TAKE
    began_ms = take_ms - speech_frames * frame_samples / CAPTURE_RATE * 1000
    assert 2000 - 70 <= began_ms <= 2000 + 100
    assert speech_frames <= detector.history_frames


@pytest.mark.parametrize("duration_s", [0.2, 0.35, 0.6])
def test_a_held_tone_of_the_voice_is_released(detector, frame_samples, duration_s):
    scene = in_noise(at_dbfs(voice(duration_s, held=True), -15))

    steps = run(detector, scene, frame_samples=frame_samples)

    assert [step for _, step, _ in steps] == [Step.DUCK, Step.HOLD, Step.RELEASE]
    assert steps[-1][0] <= 2000 + duration_s * 1000 + QUIET_MS


def test_a_click_never_holds(detector, frame_samples):
    steps = run(detector, in_noise(click(), click(10), click(20)), frame_samples=frame_samples)

    assert {step for _, step, _ in steps} <= {Step.DUCK, Step.RELEASE}


def test_the_room_alone_is_left_alone(detector, frame_samples):
    assert run(detector, noise(20), frame_samples=frame_samples, probability=1.0) == []


@pytest.mark.parametrize("name", ["white", "hum", "fan", "tone"])
@pytest.mark.parametrize("dbfs", [-50, -20])
def test_a_steady_sound_that_sets_in_is_background_within_moments(detector, frame_samples, name, dbfs):
    """Whatever the voice activity detector thinks of it."""
    scene = noise(12)
    scene[2 * CAPTURE_RATE :] += at_dbfs(NOISES[name](10.1), dbfs)[: 10 * CAPTURE_RATE]

    steps = run(detector, scene, frame_samples=frame_samples, probability=1.0)

    assert [step for _, step, _ in steps] in ([Step.DUCK, Step.RELEASE], [Step.DUCK, Step.HOLD, Step.RELEASE])
    assert steps[-1][0] <= 2000 + 1500


def test_a_sound_that_does_not_end_becomes_background(detector, frame_samples):
    drone = at_dbfs(voice(30, held=True), -20)

    steps = run(detector, in_noise(drone), frame_samples=frame_samples, probability=1.0)

    assert Step.TAKE not in {step for _, step, _ in steps}
    assert steps[-1][1] is Step.RELEASE
    assert steps[-1][0] < 10_000


def test_what_comes_up_again_and_again_is_ignored_like_an_echo(detector, frame_samples):
    """What a canceller leaves: bits of speech, 60 ms each, as loud as ever."""
    bits = [at_dbfs(voice(0.06, seed=seed), -30) for seed in range(20)]

    steps = run(detector, in_noise(*bits, gap_s=0.7), frame_samples=frame_samples)

    late = [step for ms, step, _ in steps if ms > 7000]
    assert Step.HOLD not in {step for _, step, _ in steps}
    assert late.count(Step.DUCK) <= 2


def test_a_click_in_the_first_moments_leaves_the_background_known(detector, frame_samples):
    scene = np.concatenate([noise(0.1), click(60, -15), noise(1.0), at_dbfs(voice(1.5), -15)])

    steps = run(detector, scene, frame_samples=frame_samples)

    assert [step for _, step, _ in steps][-3:] == [Step.DUCK, Step.HOLD, Step.TAKE]


@pytest.mark.parametrize("level_dbfs", [-45, -40])
def test_what_ends_with_the_reply_was_its_echo(detector, frame_samples, level_dbfs):
    """The speaker obeys 40 ms after a decision: whatever is heard of the reply falls silent then."""
    samples = np.tile(at_dbfs(voice(1.5), level_dbfs), 8) + noise(12.1)[: 12 * CAPTURE_RATE]
    quiet = noise(12.1, seed=3).astype(np.float32)
    silent_from, steps = math.inf, []
    for n, start in enumerate(range(0, len(samples) - frame_samples + 1, frame_samples)):
        silent = start / CAPTURE_RATE < 1 or start / CAPTURE_RATE >= silent_from
        source = quiet if silent else samples.astype(np.float32)
        step = detector.push(source[start : start + frame_samples], 0.0 if silent else 1.0)
        if step is not None:
            steps.append(step)
        if step in (Step.DUCK, Step.HOLD):
            silent_from = min(silent_from, (n + 1) * frame_samples / CAPTURE_RATE + 0.04)
        elif step is Step.RELEASE:
            silent_from = math.inf

    assert Step.DUCK in steps
    assert Step.TAKE not in steps


def test_speech_that_is_louder_than_the_echo_is_heard_all_the_same(detector, frame_samples):
    bits = [at_dbfs(voice(0.06, seed=seed), -40) for seed in range(10)]

    steps = run(detector, in_noise(*bits, at_dbfs(voice(1.5), -15), gap_s=0.7), frame_samples=frame_samples)

    assert [step for _, step, _ in steps][-3:] == [Step.DUCK, Step.HOLD, Step.TAKE]


def test_reset_forgets_the_sound_but_not_the_background(detector, frame_samples):
    run(detector, in_noise(at_dbfs(voice(0.1), -15))[: round(2.1 * CAPTURE_RATE)], frame_samples=frame_samples)

    detector.reset()

    assert detector.speech_frames == 0
    steps = run(detector, at_dbfs(voice(0.3), -15), frame_samples=frame_samples)
    assert [step for _, step, _ in steps] == [Step.DUCK, Step.HOLD]


def test_digital_silence_and_broken_samples_are_harmless(detector, frame_samples):
    scene = np.zeros(CAPTURE_RATE * 3)
    scene[CAPTURE_RATE : CAPTURE_RATE + 5000] = np.nan
    scene[CAPTURE_RATE * 2 : CAPTURE_RATE * 2 + 5000] = np.inf

    assert run(detector, scene, frame_samples=frame_samples, probability=1.0) == []


def test_a_probability_that_is_no_number_is_no_speech(detector, frame_samples):
    scene = in_noise(click(300, -45))

    steps = run(detector, scene, frame_samples=frame_samples, probability=math.nan)

    assert [step for _, step, _ in steps] == [Step.DUCK, Step.RELEASE]  # it is loud, that is all


@pytest.mark.parametrize("shape", [(319,), (0,), (320, 1)])
def test_a_frame_of_another_length_is_refused(shape):
    with pytest.raises(ValueError, match="320 samples"):
        InterruptionDetector(frame_samples=320).push(np.zeros(shape, np.float32), 0.0)


@pytest.mark.parametrize("frame_samples", [0, -1])
def test_a_frame_must_have_a_length(frame_samples):
    with pytest.raises(ValueError, match="positive"):
        InterruptionDetector(frame_samples=frame_samples)


# The law of the steps, for any sound --------------------------------------------------------------

pieces = st.tuples(
    st.sampled_from(["silence", "noise", "voice", "held", "click"]),
    st.floats(0.02, 1.2),  # seconds
    st.floats(-70, -6),  # dBFS
    st.sampled_from([0.0, 0.3, 0.4, 0.6, 1.0]),  # what a detector makes of it
)


def samples_of(kind: str, duration_s: float, dbfs: float) -> np.ndarray:
    if kind == "silence":
        return np.zeros(round(duration_s * CAPTURE_RATE))
    if kind == "noise":
        return noise(duration_s, dbfs)
    if kind == "click":
        return click(5, dbfs)
    return at_dbfs(voice(duration_s, held=kind == "held"), dbfs)


@settings(max_examples=40, deadline=None)
@given(scene=st.lists(pieces, min_size=1, max_size=10), frame_samples=st.sampled_from([160, 320, 480, 512]))
def test_every_duck_ends_in_one_take_or_release_soon_after_the_last_sound(scene, frame_samples):
    detector = InterruptionDetector(frame_samples=frame_samples)
    last_sound = 0  # frames
    steps: list[tuple[int, Step]] = []
    n = 0
    for kind, duration_s, dbfs, probability in [("noise", 1.0, -65, 0.0), *scene, ("noise", 2.0, -65, 0.0)]:
        samples = samples_of(kind, duration_s, dbfs).astype(np.float32)
        for start in range(0, len(samples) - frame_samples + 1, frame_samples):
            n += 1
            step = detector.push(samples[start : start + frame_samples], probability)
            assert 0 <= detector.speech_frames <= detector.history_frames
            if step is not None:
                steps.append((n, step))
        if duration_s != 2.0:
            last_sound = n

    follows = {
        None: {Step.DUCK},
        Step.DUCK: {Step.HOLD, Step.TAKE, Step.RELEASE},
        Step.HOLD: {Step.TAKE, Step.RELEASE},
        Step.TAKE: {Step.DUCK},
        Step.RELEASE: {Step.DUCK},
    }
    for before, after in itertools.pairwise([None, *(step for _, step in steps)]):
        assert after in follows[before]
    assert not steps or steps[-1][1] in (Step.TAKE, Step.RELEASE)
    if steps:
        assert (steps[-1][0] - last_sound) * frame_samples / CAPTURE_RATE * 1000 <= QUIET_MS
