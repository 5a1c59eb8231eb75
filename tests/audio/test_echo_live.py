"""An echo on a virtual sound card: what the speaker plays comes back into the microphone, and is taken out of it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.soundcard import MIC, SPEAKER, SoundCard, programs_missing
from tests.vad.signals import question, turns, white
from voicechat.audio.echo_canceller import EchoCanceller, EchoCancellingSource, Options
from voicechat.audio.echo_reference import EchoReference
from voicechat.audio.microphone import Microphone
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.speaker import Speaker
from voicechat.types import CAPTURE_RATE, AudioChunk, CancelToken
from voicechat.vad import webrtc

pytestmark = pytest.mark.soundcard
pytest.importorskip("livekit.rtc")
LISTEN_S = 2.0  # before the reply
N_SENTENCES = 4
PAUSE_S = 0.3
ROOM = 10 ** (-60 / 20)


@pytest.fixture
def card() -> Iterator[SoundCard]:
    assert not programs_missing(), f"the virtual sound card needs {', '.join(programs_missing())}"
    with SoundCard(sample_rate=48_000) as card:
        loopback = ["source=spk.monitor", "sink=micsink", "latency_msec=60", "adjust_time=0"]  # at a constant rate
        subprocess.run(
            ["pactl", "load-module", "module-loopback", *loopback],
            env=os.environ | card.environ,
            check=True,
            capture_output=True,
        )
        yield card


class Overheard:
    """Keeps what a microphone captured, in passing."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self.blocks: list[np.ndarray] = []

    @property
    def latency_s(self) -> float:
        return self._microphone.latency_s

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        block = self._microphone.read(unhurried=unhurried)
        if block is not None:
            self.blocks.append(block)
        return block

    def discard(self) -> None:
        self._microphone.discard()

    def close(self) -> None:
        self._microphone.close()


def power_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-15))


def test_a_live_echo_is_removed_and_begins_no_turn(card):
    sentence = np.concatenate([question(), np.zeros(round(PAUSE_S * CAPTURE_RATE))])
    reply = np.tile(0.7 * sentence / np.abs(sentence).max(), N_SENTENCES).astype(np.float32)
    reply_s = len(reply) / CAPTURE_RATE
    room = card.play_into_mic((ROOM * white(LISTEN_S + reply_s + 6)).astype(np.float32), CAPTURE_RATE)
    reference = EchoReference()
    with PortAudio() as portaudio:
        portaudio.rescan()
        speaker = Speaker(portaudio, SPEAKER, reference=reference)
        overheard = Overheard(Microphone(portaudio, MIC))
        source = EchoCancellingSource(overheard, reference, EchoCanceller(Options()))
        heard: list[np.ndarray] = []

        def listen() -> None:
            while (block := source.read()) is not None:
                heard.append(block)

        listening = threading.Thread(target=listen)
        listening.start()
        time.sleep(LISTEN_S)
        token = CancelToken()
        for start in range(0, len(reply), 4_000):
            speaker.write(AudioChunk(reply[start : start + 4_000], CAPTURE_RATE), token)
        speaker.finish(token)
        source.close()
        listening.join(10)
        speaker.close()
    room.kill()
    room.wait()

    captured, left = np.concatenate(overheard.blocks), np.concatenate(heard)
    from_s = slice(round((LISTEN_S + 3) * CAPTURE_RATE), round((LISTEN_S + reply_s - 1) * CAPTURE_RATE))
    assert power_db(captured[from_s]) > power_db(np.array([ROOM])) + 20, "the echo did not come"
    assert power_db(captured[from_s]) - power_db(left[from_s]) > 20
    silence = np.zeros(CAPTURE_RATE, np.float32)  # in which a turn that is still open ends
    assert turns(webrtc.load(webrtc.Options()), np.concatenate([captured, silence])), "the echo is no speech anyway"
    assert turns(webrtc.load(webrtc.Options()), np.concatenate([left, silence])) == []
    assert source.settled
