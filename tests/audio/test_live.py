"""The microphone and the speaker on a virtual sound card: what goes in comes out, stops at once, and survives."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import soxr

from tests.soundcard import MIC, SPEAKER, SoundCard, programs_missing
from voicechat.audio import python_callback
from voicechat.audio.microphone import Microphone
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.speaker import Speaker
from voicechat.errors import AudioDeviceError
from voicechat.types import CAPTURE_RATE, AudioChunk, CancelToken, Notice

pytestmark = pytest.mark.soundcard
TIMEOUT_S = 15.0
WARM_UP_S = 0.5
REPLY_RATE = 24_000
MIN_SNR_DB = 40.0


@pytest.fixture(scope="module", params=[(44_100, 2), (48_000, 1)], ids=["44.1 kHz stereo", "48 kHz mono"])
def card(request) -> Iterator[SoundCard]:
    assert not programs_missing(), f"the virtual sound card needs {', '.join(programs_missing())}"
    sample_rate, channels = request.param
    with SoundCard(sample_rate=sample_rate, channels=channels) as card:
        yield card


@pytest.fixture
def portaudio(card) -> Iterator[PortAudio]:
    with PortAudio() as portaudio:
        portaudio.rescan()
        yield portaudio


def noise(seconds: float, rate: int, seed: int = 1) -> np.ndarray:
    """Noise between 100 Hz and 3 kHz: every part of it is like no other."""
    n = round(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    frequencies = np.fft.rfftfreq(n, 1 / rate)
    spectrum[(frequencies < 100) | (frequencies > 3000)] = 0
    samples = np.fft.irfft(spectrum, n)
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)


def found_in(reference: np.ndarray, recording: np.ndarray) -> int:
    """Give the position in `recording` where `reference` fits best."""
    n = 1 << (len(reference) + len(recording)).bit_length()
    fit = np.fft.irfft(np.fft.rfft(recording, n) * np.conj(np.fft.rfft(reference, n)), n)
    return int(np.argmax(fit[: len(recording)]))


def snr_db(reference: np.ndarray, recording: np.ndarray) -> float:
    """How far `recording` is from being `reference` behind some short filter; a lost block ruins it."""
    at = found_in(reference, recording)
    taps = range(-16, 17)
    body = slice(200, len(reference) - 200)
    shifted = np.stack([np.roll(reference, k)[body] for k in taps], axis=1).astype(np.float64)
    heard = recording[at : at + len(reference)][body]
    weights, *_ = np.linalg.lstsq(shifted, heard, rcond=None)
    return float(10 * np.log10(np.var(heard) / np.var(heard - shifted @ weights)))


def read_for(microphone: Microphone, seconds: float) -> np.ndarray:
    until = time.monotonic() + seconds
    pieces = [np.zeros(0, np.float32)]
    while time.monotonic() < until:
        piece = microphone.read()
        assert piece is not None
        pieces.append(piece)
    return np.concatenate(pieces)


def in_thread(call) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


@pytest.mark.parametrize("backend", [None, python_callback], ids=["C callback", "Python callback"])
def test_what_is_said_into_the_microphone_is_read_complete_and_undistorted(card, portaudio, backend):
    said = noise(1.5, CAPTURE_RATE)
    notices: list[Notice] = []
    microphone = Microphone(portaudio, MIC, notify=notices.append, backend=backend)
    read_for(microphone, WARM_UP_S)
    player = card.play_into_mic(said, CAPTURE_RATE)
    heard = read_for(microphone, 2.2)
    microphone.close()
    player.wait()

    assert snr_db(said, heard) > MIN_SNR_DB
    assert len(heard) == pytest.approx(2.2 * CAPTURE_RATE, rel=0.05)
    assert (notices, microphone.lost_s) == ([], 0)
    assert microphone.read() is None


@pytest.mark.parametrize("backend", [None, python_callback], ids=["C callback", "Python callback"])
def test_what_is_written_comes_out_of_the_speaker_complete_and_undistorted(card, portaudio, backend):
    reply = noise(1.5, REPLY_RATE)
    speaker = Speaker(portaudio, SPEAKER, backend=backend)
    time.sleep(WARM_UP_S)
    recording = card.record_speaker()
    token = CancelToken()
    started_at = time.monotonic()
    for start in range(0, len(reply), 4_000):
        speaker.write(AudioChunk(reply[start : start + 4_000], REPLY_RATE), token)
    speaker.finish(token)
    finished_at = time.monotonic()
    heard = recording.stop()
    speaker.close()

    assert snr_db(soxr.resample(reply, REPLY_RATE, card.sample_rate), heard) > MIN_SNR_DB
    assert speaker.heard_s() == pytest.approx(1.5, abs=1e-3)
    assert finished_at - recording.last_sound_at(above=1e-3) == pytest.approx(0, abs=0.1)
    assert speaker.first_heard_at - started_at == pytest.approx(0.1, abs=0.08)


def test_a_flush_silences_the_speaker_within_milliseconds_and_knows_what_was_heard(card, portaudio):
    speaker = Speaker(portaudio, SPEAKER, buffer_ms=300)
    time.sleep(WARM_UP_S)
    silent_after_s, errors_s = [], []
    for i in range(3):
        recording = card.record_speaker()
        token = CancelToken()
        before_s = speaker.heard_s()
        writer = in_thread(lambda token=token: speaker.write(AudioChunk(noise(9.0, REPLY_RATE), REPLY_RATE), token))
        time.sleep(0.5 + 0.037 * i)
        decided_at = time.monotonic()
        token.cancel()
        speaker.flush()
        writer.join(TIMEOUT_S)
        time.sleep(0.4)
        sound = np.flatnonzero(np.abs(recording.stop()) > 1e-3)
        silent_after_s.append(recording.last_sound_at(above=1e-3) - decided_at)
        errors_s.append(speaker.heard_s() - before_s - (sound[-1] - sound[0]) / card.sample_rate)
    speaker.close()

    assert np.median(silent_after_s) <= 0.020
    assert np.abs(np.median(errors_s)) <= 0.015


def test_the_words_after_a_flush_are_heard_at_once_and_nothing_old_with_them(card, portaudio):
    speaker = Speaker(portaudio, SPEAKER)
    time.sleep(WARM_UP_S)
    recording = card.record_speaker()
    speaker.write(AudioChunk(noise(2.0, REPLY_RATE), REPLY_RATE), CancelToken())
    time.sleep(0.5)
    speaker.flush()
    token = CancelToken()
    written_at = time.monotonic()
    after = noise(1.0, REPLY_RATE, seed=2)
    speaker.write(AudioChunk(after, REPLY_RATE), token)
    speaker.finish(token)
    time.sleep(0.2)
    heard = recording.stop()
    speaker.close()

    assert snr_db(soxr.resample(after, REPLY_RATE, card.sample_rate), heard) > MIN_SNR_DB
    assert speaker.first_heard_at - written_at < 0.25


def test_a_sound_server_that_is_killed_and_started_again_is_survived_at_both_ends(card, portaudio):
    n_files = len(os.listdir("/proc/self/fd"))
    notices: list[str] = []
    microphone = Microphone(portaudio, MIC, notify=lambda notice: notices.append(notice.text))
    speaker = Speaker(portaudio, SPEAKER, notify=lambda notice: notices.append(notice.text))
    heard_at: list[float] = []

    def listen() -> None:
        while microphone.read() is not None:
            heard_at.append(time.monotonic())

    def speak() -> None:
        token = CancelToken()
        speaker.write(AudioChunk(noise(2.0, REPLY_RATE), REPLY_RATE), token)
        speaker.finish(token)

    threads = [in_thread(listen), in_thread(speak)]
    time.sleep(1.0)
    card.kill_server()
    time.sleep(0.3)
    restarted_at = time.monotonic()
    card.start_server()
    threads[1].join(TIMEOUT_S)
    spoken = not threads[1].is_alive()
    microphone.close()
    speaker.close()
    threads[0].join(TIMEOUT_S)

    assert spoken
    assert speaker.heard_s() == pytest.approx(2.0, abs=1e-3)
    assert min(at for at in heard_at if at > restarted_at) - restarted_at < 5.0
    assert {
        f"the {role} {name!r} {what}"
        for role, name in (("microphone", MIC), ("speaker", SPEAKER))
        for what in ("went away; waiting for it to come back", "is back")
    } <= set(notices)
    assert not threads[0].is_alive()
    assert len(os.listdir("/proc/self/fd")) == n_files


def test_without_waiting_a_vanished_device_is_an_error_at_both_ends(card, portaudio):
    microphone = Microphone(portaudio, MIC, wait=False)
    speaker = Speaker(portaudio, SPEAKER, wait=False)
    card.kill_server()
    try:
        with pytest.raises(AudioDeviceError, match=f"the microphone '{MIC}' went away"):
            read_for(microphone, TIMEOUT_S)
        with pytest.raises(AudioDeviceError, match=f"the speaker '{SPEAKER}' went away"):
            speaker.write(AudioChunk(noise(5.0, REPLY_RATE), REPLY_RATE), CancelToken())
        with pytest.raises(AudioDeviceError, match="cannot open the microphone"):
            Microphone(portaudio, MIC)
    finally:
        microphone.close()
        speaker.close()
        card.start_server()


def test_closing_from_another_thread_ends_a_read(card, portaudio):
    microphone = Microphone(portaudio, MIC)
    given: list[object] = []

    def listen() -> None:
        while (piece := microphone.read()) is not None:
            given.append(piece)
        given.append(None)

    thread = in_thread(listen)
    microphone.close()
    thread.join(1.0)

    assert not thread.is_alive()
    assert given[-1] is None


def test_the_devices_are_listed_and_found_by_name(card, portaudio):
    assert {MIC, SPEAKER} <= {device.name for device in portaudio.devices("input")}
    assert portaudio.find("VCSPEAK", "output").name == SPEAKER
    with pytest.raises(AudioDeviceError, match="no input device matches 'webcam'; run `voicechat devices`"):
        portaudio.find("webcam", "input")
