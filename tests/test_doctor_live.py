"""`voicechat doctor` and `voicechat setup` on a virtual sound card: healthy, deaf, hearing itself, or not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import soxr

from tests.soundcard import MIC, SPEAKER, Recording, SoundCard, programs_missing
from tests.speaking import QUESTION, read_audio
from tests.typist import Typist
from voicechat.doctor.sweep import Sweep
from voicechat.types import CAPTURE_RATE

pytestmark = pytest.mark.soundcard
TIMEOUT_S = 60.0
VOICECHAT = [sys.executable, "-m", "voicechat"]
NOISE_DBFS = -60.0


@pytest.fixture(scope="module")
def card() -> Iterator[SoundCard]:
    assert not programs_missing(), f"the virtual sound card needs {', '.join(programs_missing())}"
    with SoundCard(sample_rate=44_100, channels=2) as card:
        yield card


@contextmanager
def room(card: SoundCard) -> Iterator[None]:
    """Let the microphone hear the noise of a quiet room: a card on which nothing plays gives zeros."""
    noise = 10 ** (NOISE_DBFS / 20) * np.random.default_rng(1).standard_normal(60 * CAPTURE_RATE)
    player = card.play_into_mic(noise.astype(np.float32), CAPTURE_RATE)
    try:
        yield
    finally:
        player.kill()
        player.wait()


@contextmanager
def loopback(card: SoundCard, delay_ms: int) -> Iterator[None]:
    """Let the microphone hear the speaker."""
    loaded = pactl(
        card, "load-module", "module-loopback", "source=spk.monitor", "sink=micsink", f"latency_msec={delay_ms}"
    )
    try:
        yield
    finally:
        pactl(card, "unload-module", loaded)


def pactl(card: SoundCard, *arguments: str) -> str:
    ended = subprocess.run(
        ["pactl", *arguments], env=os.environ | card.environ, capture_output=True, check=True, text=True
    )
    return ended.stdout.strip()


def true_delay_ms(card: SoundCard) -> float:
    """Measure the loop-back without PortAudio: the same sweep as both sinks' monitors hear it."""
    sweep = Sweep()
    sound = np.concatenate([sweep.samples(CAPTURE_RATE), np.zeros(CAPTURE_RATE, np.float32)])
    recordings = [Recording(card, source) for source in ("spk.monitor", "micsink.monitor")]
    subprocess.run(
        ["pacat", "--playback", "--device=spk", "--format=float32le", f"--rate={CAPTURE_RATE}", "--channels=1",
         "--latency-msec=50", "--raw"],
        input=sound.tobytes(),
        env=os.environ | card.environ,
        check=True,
    )  # fmt: skip
    heard_at = []
    for recording in recordings:
        samples = recording.stop()
        ends = np.cumsum([len(block) for _at, block in recording.blocks])
        # No block comes before its time, and the most punctual ones come just then.
        first_at = min(at - end / card.sample_rate for (at, _block), end in zip(recording.blocks, ends, strict=True))
        echo = sweep.find(soxr.resample(samples, card.sample_rate, CAPTURE_RATE), CAPTURE_RATE)
        assert echo is not None
        heard_at.append(first_at + echo.delay_s)
    return float(heard_at[1] - heard_at[0]) * 1000


def examined(*arguments: str, mic: str = MIC, speaker: str = SPEAKER):
    """Run doctor; give its exit code and its findings by name."""
    ended = subprocess.run(
        [*VOICECHAT, "doctor", "--json", "--mic", mic, "--speaker", speaker, *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    report = json.loads(ended.stdout)
    return ended.returncode, {finding["name"]: finding for finding in report["findings"]}


def test_a_healthy_card_can_talk(card):
    with room(card):
        code, findings = examined()

    assert code == 0
    assert not [finding for finding in findings.values() if finding["status"] == "fail"]
    assert findings["microphone"]["values"]["device"] == MIC
    assert findings["sound_server"]["values"]["server"] == "pulseaudio"
    assert findings["microphone_rates"]["values"]["opened"]
    assert findings["level"]["values"]["noise_floor_dbfs"] == pytest.approx(NOISE_DBFS, abs=3)
    assert findings["echo_path"]["values"]["heard"] is False
    assert findings["round_trip"]["values"]["round_trip_ms"] is None


@pytest.mark.parametrize("delay_ms", [30, 300])
def test_the_delay_of_a_loop_back_is_measured_within_ten_milliseconds(card, delay_ms):
    with room(card), loopback(card, delay_ms):
        before_ms = true_delay_ms(card)
        code, findings = examined()
        after_ms = true_delay_ms(card)

    values = findings["echo_path"]["values"]
    assert code == 0
    assert before_ms == pytest.approx(after_ms, abs=5), "the loop-back itself did not keep still"
    assert values["delay_ms"] == pytest.approx((before_ms + after_ms) / 2, abs=10)
    assert values["return_loss_db"] == pytest.approx(0, abs=1.5)
    parts = findings["round_trip"]["values"]
    assert parts["round_trip_ms"] == pytest.approx(
        parts["speaker_ms"] + values["delay_ms"] + parts["microphone_ms"], abs=1
    )


def test_a_microphone_that_gives_zeros_is_called_dead_with_what_to_do(card):
    code, findings = examined()

    assert code == 1
    assert findings["microphone_signal"]["status"] == "fail"
    assert "nothing but zeros" in findings["microphone_signal"]["detail"]
    assert "set-source-mute" in findings["microphone_signal"]["fix"]
    assert findings["level"]["status"] == findings["echo_path"]["status"] == "skipped"
    assert findings["gpu"]["status"] != "fail"


def test_a_speaker_that_does_not_exist_fails_alone(card):
    with room(card):
        code, findings = examined(speaker="nosuch")

    assert code == 1
    assert [name for name, finding in findings.items() if finding["status"] == "fail"] == ["speaker"]
    assert findings["speaker"]["fix"] == "run `voicechat devices`"
    assert findings["level"]["status"] == "ok"
    assert findings["echo_path"]["detail"] == "needs: speaker rates"


def test_a_source_that_is_muted_is_seen_as_muted(card):
    pactl(card, "set-source-mute", "@DEFAULT_SOURCE@", "1")
    try:
        _, findings = examined("--no-sound")
    finally:
        pactl(card, "set-source-mute", "@DEFAULT_SOURCE@", "0")

    assert findings["sound_server"]["fix"] == "pactl set-source-mute @DEFAULT_SOURCE@ 0"


def test_without_a_server_it_says_so_and_ends(card):
    card.kill_server()
    try:
        code, findings = examined()
    finally:
        card.start_server()

    assert code == 1
    assert "nothing answers at unix:" in findings["sound_server"]["detail"]
    assert findings["microphone"]["status"] == "fail"
    assert findings["parts"]["status"] == "ok"


def test_a_server_that_hangs_does_not_hang_doctor(card):
    assert card._server is not None
    card._server.send_signal(signal.SIGSTOP)
    try:
        code, findings = examined("--no-sound")
    finally:
        card._server.send_signal(signal.SIGCONT)

    assert code == 1
    assert findings["portaudio"]["status"] == "fail"
    assert "did not answer" in findings["portaudio"]["detail"]
    assert findings["parts"]["status"] == "ok"


def test_setup_hears_the_user_and_keeps_what_was_chosen(card, voicechat_home):
    voicechat_home.mkdir()
    file = voicechat_home / "config.toml"
    file.write_text("# mine\n[turn]\nend_silence_ms = 900  # I think\n")
    with room(card), loopback(card, 100), Typist([*VOICECHAT, "setup"]) as typist:
        listed = typist.wait_for("Which microphone?")
        typist.type(f"99\n{MIC}\n")
        typist.wait_for("there is no 99")
        typist.wait_for("Please be quiet")
        typist.wait_for("Now say something")
        card.play_into_mic(read_audio(QUESTION), CAPTURE_RATE).wait(TIMEOUT_S)
        typist.wait_for("I hear you: your voice is at")
        typist.wait_for("Use this microphone?")
        typist.type("\n")
        typist.wait_for("Which speaker?")
        speaker = card.record_speaker()
        typist.type(f"{SPEAKER}\n")
        typist.wait_for("Did you hear them?")
        notes = speaker.stop()
        typist.type("y\n")
        typist.wait_for("the speaker is heard")
        typist.wait_for("Write this into")
        typist.type("\n")
        typist.wait_for("Kept.")
        assert typist.process.wait(TIMEOUT_S) == 0

    kept = tomllib.loads(file.read_text())
    assert MIC in listed
    assert np.abs(notes).max() == pytest.approx(0.2, abs=0.05)
    assert kept["turn"] == {"end_silence_ms": 900}
    assert kept["audio"]["mic"] == f"{MIC}, ALSA"
    assert kept["audio"]["speaker"] == f"{SPEAKER}, ALSA"
    assert kept["audio"]["noise_floor_dbfs"] == pytest.approx(NOISE_DBFS, abs=3)
    assert kept["audio"]["echo_delay_ms"] == pytest.approx(100, abs=15)
    assert file.read_text().startswith("# mine\n[turn]\nend_silence_ms = 900  # I think\n")


def test_setup_tells_a_dead_microphone_and_asks_again_and_ctrl_c_changes_nothing(card, voicechat_home):
    voicechat_home.mkdir()
    file = voicechat_home / "config.toml"
    file.write_text("# mine\n")
    with Typist([*VOICECHAT, "setup"]) as typist:
        typist.wait_for("Which microphone?")
        typist.type(f"{MIC}\n")
        typist.wait_for("nothing but zeros")
        typist.wait_for("to do: ")
        typist.wait_for("Which microphone?")
        os.killpg(typist.process.pid, signal.SIGINT)
        typist.wait_for("nothing was changed")

        assert typist.process.wait(TIMEOUT_S) == 130
    assert file.read_text() == "# mine\n"


def test_setup_that_hears_no_speech_says_so_and_end_of_input_changes_nothing(card, voicechat_home):
    with room(card), Typist([*VOICECHAT, "setup"]) as typist:
        typist.wait_for("Which microphone?")
        typist.type(f"{MIC}\n")
        typist.wait_for("I did not hear you speak")
        typist.wait_for("[no]: ")
        typist.type("\x04")
        typist.wait_for("nothing was changed")

        assert typist.process.wait(TIMEOUT_S) == 130
    assert not voicechat_home.exists()
