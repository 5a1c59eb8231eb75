"""The whole talk on a virtual sound card: spoken to through the microphone, heard at the speaker."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import soxr

from tests.soundcard import MIC, SPEAKER, SoundCard, programs_missing
from tests.speaking import QUESTION, likeness, read_audio, spoken
from voicechat.types import CAPTURE_RATE

pytestmark = pytest.mark.soundcard
TIMEOUT_S = 30.0
Event = dict[str, object]


@pytest.fixture(scope="module", params=[(44_100, 2), (48_000, 1)], ids=["44.1 kHz stereo", "48 kHz mono"])
def card(request) -> Iterator[SoundCard]:
    assert not programs_missing(), f"the virtual sound card needs {', '.join(programs_missing())}"
    sample_rate, channels = request.param
    with SoundCard(sample_rate=sample_rate, channels=channels) as card:
        yield card


class LiveTalk:
    """`voicechat talk --json` in a process of its own, and its events."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "voicechat", "talk", "--json", "--mic", MIC, "--speaker", SPEAKER, *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="test-events", daemon=True)
        self._reader.start()

    def __enter__(self) -> LiveTalk:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def wait_for(self, event: str, condition: Callable[[Event], bool] = lambda line: True) -> Event:
        """Give the next event of this name that fits."""
        while True:
            line = self._events.get(timeout=TIMEOUT_S)
            assert line is not None, f"the talk ended without {event}: {self.errors()}"
            if line["event"] == event and condition(line):
                return line

    def wait_for_state(self, state: str) -> None:
        self.wait_for("state", lambda line: line["state"] == state)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def errors(self) -> str:
        assert self.process.stderr is not None
        self.process.wait(TIMEOUT_S)
        return self.process.stderr.read()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)


def ask(card: SoundCard, text: str | None = None) -> None:
    """Say something into the microphone; the demo's question by default."""
    if text is None:
        samples, rate = read_audio(QUESTION), CAPTURE_RATE
    else:
        chunk = spoken(text)
        samples, rate = chunk.samples, chunk.sample_rate
    assert card.play_into_mic(samples, rate).wait(TIMEOUT_S) == 0


def test_a_question_into_the_microphone_is_answered_at_the_speaker(card):
    with LiveTalk() as talk:
        talk.wait_for_state("listening")
        recording = card.record_speaker()
        ask(card)
        done = talk.wait_for("turn_done")
        heard = recording.stop()
        talk.interrupt()

        assert talk.process.wait(TIMEOUT_S) == 130
    reply = soxr.resample(heard, recording.sample_rate, CAPTURE_RATE)
    assert done["user_text"] == "what time is it"
    assert likeness(reply, str(done["reply_text"])) > 0.9
    latency = done["latency"]
    assert isinstance(latency, dict)
    assert latency["end_of_turn_ms"] <= latency["first_text_ms"] <= latency["first_audio_ms"]
    assert latency["first_audio_ms"] <= latency["first_sound_ms"]


def test_nothing_that_the_assistant_says_is_taken_for_the_user(card):
    """The microphone hears the speaker: half duplex forgets what it took in meanwhile."""
    loopback = subprocess.run(
        ["pactl", "load-module", "module-loopback", "source=spk.monitor", "sink=micsink", "latency_msec=20"],
        env=os.environ | card.environ,
        capture_output=True,
        check=True,
        text=True,
    )
    try:
        with LiveTalk() as talk:
            talk.wait_for_state("listening")
            ask(card)
            first = talk.wait_for("turn_done")
            ask(card)
            second = talk.wait_for("turn_done")
    finally:
        module = loopback.stdout.strip()
        subprocess.run(["pactl", "unload-module", module], env=os.environ | card.environ, check=True)
    assert (first["turn"], second["turn"]) == (1, 2)
    assert first["user_text"] == second["user_text"] == "what time is it"


def test_ctrl_c_stops_the_reply_first_and_then_the_talk(card):
    with LiveTalk() as talk:
        talk.wait_for_state("listening")
        ask(card, "what can you do")
        talk.wait_for_state("speaking")
        talk.interrupt()
        done = talk.wait_for("turn_done")
        talk.wait_for_state("listening")

        assert done["outcome"] == "interrupted"
        assert talk.process.poll() is None
        talk.interrupt()
        assert talk.process.wait(TIMEOUT_S) == 130


def test_goodbye_ends_the_talk(card):
    with LiveTalk() as talk:
        talk.wait_for_state("listening")
        ask(card, "goodbye")

        assert talk.process.wait(TIMEOUT_S) == 0


def test_a_sound_server_that_dies_and_comes_back_does_not_end_the_talk(card):
    with LiveTalk() as talk:
        talk.wait_for_state("listening")
        card.kill_server()
        talk.wait_for("notice", lambda line: "went away" in str(line["text"]))
        card.start_server()
        talk.wait_for("notice", lambda line: "is back" in str(line["text"]))
        ask(card)
        done = talk.wait_for("turn_done")

        assert done["user_text"] == "what time is it"
        assert float(str(done["reply_s"])) > 0.5


def test_with_no_wait_a_sound_server_that_dies_ends_the_talk_in_one_line(card):
    with LiveTalk("--no-wait") as talk:
        talk.wait_for_state("listening")
        card.kill_server()
        try:
            code = talk.process.wait(TIMEOUT_S)
        finally:
            card.start_server()

        assert code == 1
        assert [line for line in talk.errors().splitlines() if "went away" in line] != []
