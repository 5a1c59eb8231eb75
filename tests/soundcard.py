"""A virtual sound card for the live-audio tests: a PulseAudio server of our own with a null sink at each end.

`micsink` stands for the air in front of the microphone: what is played into it, the ALSA device MIC captures. What is
written to the ALSA device SPEAKER comes out of the monitor of `spk`. Needs no kernel module, no
session bus and no sound hardware; everything it makes lies in one temporary folder. Linux only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType

import numpy as np

MIC = "vcmic"
SPEAKER = "vcspeaker"
# `type pulse` takes any rate and channel count, as sound servers do; PortAudio then reports 44.1 kHz and 32 channels.
# PortAudio 19.6 ends the process if every device of the list can be opened, so there is one that cannot.
ALSA_CONFIG = """
</usr/share/alsa/alsa.conf>
pcm.{mic} {{
    type pulse
    device micsink.monitor
}}
pcm.{speaker} {{
    type pulse
    device spk
}}
pcm.unplugged {{
    type hw
    card 31
}}
"""
START_TIMEOUT_S = 10.0
MONITORS = ("micsink.monitor", "spk.monitor")
REALTIME_PRIORITY = 6  # above that of the streams under test


def programs_missing() -> list[str]:
    """Give the programs that the virtual card needs and this machine lacks."""
    return [name for name in ("pulseaudio", "pacat", "pactl") if shutil.which(name) is None]


def _put_first(process_id: int) -> None:
    """Give a process real-time priority if we may: it stands for hardware, which is never late for a busy processor."""
    for task in Path(f"/proc/{process_id}/task").iterdir():
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(int(task.name), os.SCHED_RR, os.sched_param(REALTIME_PRIORITY))


class Recording:
    """What passes a sink, from the moment the first of it has come until `stop`.

    Attributes:
        blocks: (`time.monotonic()` of arrival, float32 (n,)) in order.
    """

    def __init__(self, card: SoundCard, source: str) -> None:
        self.sample_rate = card.sample_rate
        self.blocks: list[tuple[float, np.ndarray]] = []
        self._recorder = subprocess.Popen(
            ["pacat", "--record", f"--device={source}", "--format=float32le", f"--rate={self.sample_rate}",
             "--channels=1", "--latency-msec=5", "--raw"],
            env=os.environ | card.environ,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run, name="soundcard-recording", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.blocks:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{source} of the virtual sound card cannot be recorded")
            time.sleep(0.005)

    @property
    def samples(self) -> np.ndarray:
        """All of it so far, float32 (n,)."""
        return np.concatenate([samples for _at, samples in self.blocks])

    def last_sound_at(self, *, above: float = 0.01) -> float | None:
        """Give `time.monotonic()` at which the last sample louder than `above` arrived."""
        for at, samples in reversed(self.blocks):
            loud = np.flatnonzero(np.abs(samples) > above)
            if len(loud):
                return float(at - (len(samples) - 1 - loud[-1]) / self.sample_rate)
        return None

    def stop(self) -> np.ndarray:
        """End the recording and give all of it, float32 (n,)."""
        self._recorder.terminate()
        self._thread.join()
        self._recorder.wait()
        return self.samples

    def _run(self) -> None:
        assert self._recorder.stdout is not None
        left = b""
        with self._recorder.stdout as pipe:
            while data := os.read(pipe.fileno(), 65536):
                at = time.monotonic()
                data = left + data
                left = data[len(data) // 4 * 4 :]
                self.blocks.append((at, np.frombuffer(data[: len(data) // 4 * 4], "<f4")))


class SoundCard:
    """A microphone and a speaker that exist only in software.

    Entering it starts the server and points this process (ALSA_CONFIG_PATH, PULSE_SERVER) at it; leaving it undoes
    both. PortAudio sees the devices only once it is initialised after that.

    Args:
        sample_rate: Hz, of both null sinks.
        channels: of both null sinks.
        awake: keep somebody listening to both, so that they run in steps of some milliseconds, as a card does. A null
            sink that nobody listens to runs in steps of two seconds: the first block of a stream takes as long.
    """

    def __init__(self, *, sample_rate: int = 48_000, channels: int = 1, awake: bool = True) -> None:
        self.sample_rate = sample_rate
        self.channels = channels
        self._awake = awake
        self._listeners: list[subprocess.Popen[bytes]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="voicechat-card-"))
        self._socket = self._folder / "native"
        self._server: subprocess.Popen[bytes] | None = None
        self._saved_environ: dict[str, str | None] = {}
        config = self._folder / "alsa.conf"
        config.write_text(ALSA_CONFIG.format(mic=MIC, speaker=SPEAKER))
        self.environ = {
            "ALSA_CONFIG_PATH": str(config),
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_RUNTIME_PATH": str(self._folder),
            "PULSE_STATE_PATH": str(self._folder),
            "PULSE_COOKIE": str(self._folder / "cookie"),
        }

    def __enter__(self) -> SoundCard:
        for name, value in self.environ.items():
            self._saved_environ[name] = os.environ.get(name)
            os.environ[name] = value
        self.start_server()
        if self._awake:
            for source in MONITORS:
                Recording(self, source).stop()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill_server()
        for name, value in self._saved_environ.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(self._folder, ignore_errors=True)

    def start_server(self) -> None:
        """Start the server, again after `kill_server`, and wait until both sinks are there."""
        sink = f"rate={self.sample_rate} channels={self.channels}"
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--realtime=yes",
                    "--high-priority=yes", "--disable-shm=yes", "--log-target=stderr", "--log-level=error",
                    "-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1",
                    "-L", f"module-null-sink sink_name=micsink {sink}",
                    "-L", f"module-null-sink sink_name=spk {sink}",
                ],
                env=os.environ | self.environ,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._sinks() < 2:
            if self._server.poll() is not None or time.monotonic() > deadline:
                reason = (self._folder / "server.log").read_text(errors="replace")
                raise RuntimeError(f"the virtual sound card did not start: {reason}")
            time.sleep(0.02)
        _put_first(self._server.pid)
        if self._awake:
            self._listeners = [self._listen(source) for source in MONITORS]

    def kill_server(self) -> None:
        """End the server at once, as a crash would; the devices vanish."""
        if self._server is not None:
            self._server.send_signal(signal.SIGKILL)
            self._server.wait()
            self._server = None
            self._socket.unlink(missing_ok=True)
        for listener in self._listeners:
            listener.kill()
            listener.wait()
        self._listeners = []

    def play_into_mic(self, samples: np.ndarray, sample_rate: int) -> subprocess.Popen[bytes]:
        """Start a process that says `samples`, float32 (n,), into the microphone; it ends when all was said."""
        path = self._folder / f"say-{time.monotonic_ns()}.f32"
        samples.astype("<f4").tofile(path)
        return subprocess.Popen(
            ["pacat", "--playback", "--device=micsink", "--format=float32le", f"--rate={sample_rate}", "--channels=1",
             "--latency-msec=50", str(path)],
            env=os.environ | self.environ,
        )  # fmt: skip

    def record_speaker(self) -> Recording:
        """Start to record what comes out of the speaker."""
        return Recording(self, "spk.monitor")

    def _listen(self, source: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["pacat", "--record", f"--device={source}", "--latency-msec=10", "--raw"],
            env=os.environ | self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _sinks(self) -> int:
        if not self._socket.exists():
            return 0
        listed = subprocess.run(
            ["pactl", "list", "short", "sinks"], env=os.environ | self.environ, capture_output=True, check=False
        )
        return len(listed.stdout.splitlines())
