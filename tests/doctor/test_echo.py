"""What a recording of the sweep says about a talk, and what a canceller leaves of it."""

from __future__ import annotations

import numpy as np
import pytest

from voicechat.doctor import echo_left
from voicechat.doctor.echo import TAIL_S, Played, find, judge_left, judge_path, judge_round_trip
from voicechat.doctor.finding import Status
from voicechat.doctor.sweep import Echo, Sweep
from voicechat.types import CAPTURE_RATE

HEARD_S = 0.45


def played(delay_s: float, gain: float, *, speak: bool = False) -> Played:
    """What would be recorded if the sweep left the speaker HEARD_S after the recording's first sample."""
    sounds = [Sweep().samples(CAPTURE_RATE)]
    if speak:
        sounds += [np.zeros(round(TAIL_S * CAPTURE_RATE), np.float32), echo_left.speech_like()]
    sound = np.concatenate(sounds)
    n = round((HEARD_S + TAIL_S) * CAPTURE_RATE) + len(sound)
    recorded = echo_left.placed(gain * sound, HEARD_S + delay_s, n)
    recorded = recorded + 1e-4 * np.random.default_rng(1).standard_normal(n).astype(np.float32)
    return Played(recorded, HEARD_S, written_s=0.33, speaker_latency_s=0.1, microphone_latency_s=0.03)


def cancel_perfectly(reference: np.ndarray, captured: np.ndarray) -> np.ndarray:
    """Know the room, a tenth, 0.1 s after the reference at the most, but for a hundredth of it."""
    return captured - 0.099 * np.concatenate([np.zeros(1600, np.float32), reference[:-1600]])


def cancel_nothing(reference: np.ndarray, captured: np.ndarray) -> np.ndarray:
    return captured


@pytest.mark.parametrize("delay_s", [-0.02, 0.0, 0.12, 0.95])
def test_the_delay_counts_from_when_the_sweep_left_the_speaker(delay_s):
    echo = find(played(delay_s, 0.1))

    assert echo is not None
    assert echo.delay_s == pytest.approx(delay_s, abs=1e-3)
    assert echo.return_loss_db == pytest.approx(20, abs=0.2)


def test_what_is_played_after_the_sweep_does_not_hide_it():
    echo = find(played(0.12, 0.1, speak=True))

    assert echo is not None
    assert echo.delay_s == pytest.approx(0.12, abs=1e-3)


def test_headphones_are_no_fault():
    echo = find(played(0.1, 0.0))
    finding = judge_path(echo)

    assert echo is None
    assert finding.status is Status.OK
    assert finding.values == {"heard": False, "delay_ms": None, "return_loss_db": None}


@pytest.mark.parametrize(
    ("echo", "calibrated_ms", "status", "words"),
    [
        (Echo(0.1, 20.0, 60.0), 0.0, Status.OK, "heard 100 ms later, 20 dB weaker than it was sent"),
        (Echo(0.1, 0.2, 60.0), 0.0, Status.OK, "as loud as it was sent"),
        (Echo(0.1, 20.0, 60.0), 120.0, Status.OK, "100 ms"),
        (Echo(0.1, 20.0, 60.0), 170.0, Status.WARN, "it was 170 ms at the setup"),
        (Echo(0.6, 20.0, 60.0), 0.0, Status.WARN, "far for an echo canceller"),
        (Echo(0.1, -6.0, 60.0), 0.0, Status.WARN, "6 dB louder than it was sent: it drowns your voice"),
    ],
)
def test_the_way_is_judged_by_its_length_and_loss(echo, calibrated_ms, status, words):
    finding = judge_path(echo, calibrated_ms=calibrated_ms)

    assert (finding.name, finding.status) == ("echo_path", status)
    assert words in finding.detail
    assert bool(finding.fix) == (status is Status.WARN)


def test_the_round_trip_is_the_sum_of_its_parts():
    finding = judge_round_trip(Echo(0.1, 20.0, 60.0), played(0.1, 0.1))

    assert finding.values == {"speaker_ms": 120.0, "microphone_ms": 30.0, "round_trip_ms": 250.0}


def test_without_an_echo_the_devices_are_believed():
    finding = judge_round_trip(None, played(0.1, 0.0))

    assert finding.values == {"speaker_ms": 100.0, "microphone_ms": 30.0, "round_trip_ms": None}
    assert "by their own account" in finding.detail


@pytest.mark.parametrize("delay_s", [0.1, 0.6])
def test_what_a_canceller_leaves_is_measured_on_what_was_recorded(delay_s):
    recording = played(delay_s, 0.1, speak=True)
    echo = find(recording)
    finding = judge_left(echo, recording, cancel_perfectly)

    assert finding.status is Status.OK
    assert finding.values["reduction_db"] == pytest.approx(30, abs=10)


def test_a_canceller_is_judged_once_it_has_learnt_the_room():
    def cancel(reference: np.ndarray, captured: np.ndarray) -> np.ndarray:
        learnt = np.arange(len(captured)) > len(captured) // 2
        return np.where(learnt, cancel_perfectly(reference, captured), captured)

    recording = played(0.1, 0.1, speak=True)

    assert judge_left(find(recording), recording, cancel).values["reduction_db"] == pytest.approx(30, abs=10)


def test_a_canceller_that_does_nothing_is_warned_of():
    recording = played(0.1, 0.1, speak=True)
    finding = judge_left(find(recording), recording, cancel_nothing)

    assert (finding.status, finding.values["reduction_db"]) == (Status.WARN, 0.0)


def test_an_echo_that_the_rooms_noise_drowns_needs_no_canceller():
    recording = played(0.1, 0.001, speak=True)
    finding = judge_left(Echo(0.1, 60.0, 30.0), recording, cancel_nothing)

    assert finding.status is Status.OK
    assert "noise is all that is left" in finding.detail


def test_without_a_canceller_or_an_echo_there_is_nothing_to_measure():
    recording = played(0.1, 0.1)

    assert judge_left(find(recording), recording, None).detail == "no echo canceller"
    assert judge_left(None, recording, cancel_nothing).status is Status.SKIPPED


def test_a_sound_is_placed_whole_or_cut_at_the_edges():
    ones = np.ones(3, np.float32)

    assert echo_left.placed(ones, 1 / CAPTURE_RATE, 5).tolist() == [0, 1, 1, 1, 0]
    assert echo_left.placed(ones, -1 / CAPTURE_RATE, 3).tolist() == [1, 1, 0]
    assert echo_left.placed(ones, 2 / CAPTURE_RATE, 3).tolist() == [0, 0, 1]
    assert echo_left.placed(ones, 9 / CAPTURE_RATE, 3).tolist() == [0, 0, 0]
