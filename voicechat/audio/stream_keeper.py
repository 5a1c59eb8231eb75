"""Keeps one stream to one device open: notices when it stalls or the device goes away, and opens it again.

Decides and waits, in the thread that reads or writes; starts no thread of its own. Knows nothing of audio.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from voicechat.audio.devices import ROLES, Device, Kind
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.priority import clients_first
from voicechat.errors import AudioDeviceError
from voicechat.types import Notice, Severity

STALL_S = 0.15  # without a call from the device; also what a listener takes for an interruption
START_UP_S = 3.0  # a Bluetooth microphone wakes for so long, and a sound server's first block can take two seconds
MIN_LOOKS = 10  # in that time: fewer mean that our own thread is held up, and opening again would take it seconds
RETRY_S = 0.5
HEALTHY_S = 5.0  # after so long a stall is a new one
MAX_STALLS = 3  # in a row, before the user is told
POLL_S = 0.02
LOCK_LIMIT_S = 4.0  # twice as long as closing another stream may take
OWNER_LIMIT_S = 1.0  # for whoever uses a stream, and never waits meanwhile
NO_LIMIT = -1.0  # for a lock
logger = logging.getLogger(__name__)


class Stream(Protocol):
    """What the keeper asks of a stream. `n_blocks` changes as long as the device calls."""

    started_at: float  # time.monotonic()
    device: Device

    @property
    def n_blocks(self) -> int: ...

    @property
    def active(self) -> bool: ...

    def close(self) -> None: ...


S = TypeVar("S", bound=Stream)


class Pulse:
    """Tell a living stream from a stalled one by the blocks it counts; pure."""

    def __init__(self, *, started_at: float) -> None:
        self._n_blocks = -1
        self._n_looks = 0  # since the last block
        self.beating = False  # whether the last look saw new blocks
        self.beat_at = started_at  # time.monotonic() of the look that saw the last block
        self._judged_from = started_at + START_UP_S

    def stalled(self, n_blocks: int, now: float) -> bool:
        changed = n_blocks != self._n_blocks
        self.beating = changed and self._n_blocks >= 0
        if changed:
            self._n_blocks, self._n_looks, self.beat_at = n_blocks, 0, now
            return False
        self._n_looks += 1
        return self._n_looks >= MIN_LOOKS and now - max(self.beat_at, self._judged_from) >= STALL_S


class StreamKeeper(Generic[S]):
    """Give a stream that lives, for as long as it is asked for one.

    Args:
        wanted: which device, as the user named it; None is the default one, whichever that is at the time.
        open_stream: opens and starts a stream to a device.
        lock: the owner's; the stream is taken away from its user only under it.
        wait: whether a device that went away is waited for.
        notify: gets a line for the user.

    Attributes:
        closed: set once `close` was called.
        stream: what is open now; None while the device is away, or suspended, or after `close`.
        stalled_s: how long the stream before this one stood still, if its device had not gone away.

    Raises:
        AudioDeviceError: If the device cannot be found or opened.
    """

    def __init__(
        self,
        portaudio: PortAudio,
        kind: Kind,
        wanted: str | int | None,
        open_stream: Callable[[Device], S],
        *,
        lock: threading.Lock,
        wait: bool,
        notify: Callable[[Notice], None],
    ) -> None:
        self.closed = threading.Event()
        self.stalled_s = 0.0
        self._portaudio = portaudio
        self._kind = kind
        self._open_stream = open_stream
        self._lock = lock
        self._wait = wait
        self._notify = notify
        self._n_stalls = 0
        with portaudio.lock:
            self.device = portaudio.find(wanted, kind)
            # Index and part of a name may mean another device after a refresh; its full name does not.
            self._wanted = wanted if wanted is None or wanted == "" else self.device.full_name
            self.stream: S | None = self._open(self.device)
            self._pulse = Pulse(started_at=self.stream.started_at)
            portaudio.add(self)
        logger.info("%s %r opened", ROLES[kind], self.device.name)

    def live_stream(self, cancelled: Callable[[], bool] = bool) -> S | None:
        """Give a stream that lives, opened again if need be; None once closed or `cancelled`. Call it at each poll.

        Blocks while the device is away.

        Raises:
            AudioDeviceError: If the device went away and is not waited for.
        """
        away_since: float | None = None
        while not self.closed.is_set() and not cancelled():
            stream = self.stream
            if stream is not None and self._lives(stream):
                return stream
            if self._open_again(was_away=away_since is not None):
                continue
            if not self._wait:
                raise AudioDeviceError(
                    f"the {ROLES[self._kind]} {self.device.name!r} went away; plug it in again, or leave out --no-wait"
                )
            if away_since is None:
                away_since = time.monotonic()
                self._say(f"the {ROLES[self._kind]} {self.device.name!r} went away; waiting for it to come back")
            self._pause(RETRY_S, cancelled)
            self._rescan(cancelled)
        return None

    def suspend(self) -> None:
        """Close the stream; `live_stream` opens it again."""
        self._close_stream()

    def alive(self) -> bool:
        stream = self.stream
        return stream is not None and stream.active

    def close(self) -> None:
        """Close the stream for good, and let a blocked `live_stream` give None. Idempotent, from any thread.

        If another thread hangs in a driver, the stream is left behind after some seconds: nobody can close it then.
        """
        self.closed.set()
        if not self._portaudio.lock.acquire(timeout=LOCK_LIMIT_S):
            self._portaudio.leave_behind()
            return
        try:
            self._portaudio.remove(self)
            if not self._close_stream(limit_s=OWNER_LIMIT_S):
                self._portaudio.leave_behind()
        finally:
            self._portaudio.lock.release()

    def _lives(self, stream: S) -> bool:
        now = time.monotonic()
        if not self._pulse.stalled(stream.n_blocks, now):
            if now - stream.started_at > HEALTHY_S:
                self._n_stalls = 0
            # To ask the library costs the interpreter; one that has just called needs no asking.
            return self._pulse.beating or stream.active
        logger.warning("%s %r stalled for %.2f s", ROLES[self._kind], self.device.name, now - self._pulse.beat_at)
        self._n_stalls += 1
        if self._n_stalls == MAX_STALLS:
            self._say(f"the {ROLES[self._kind]} {self.device.name!r} keeps stalling")
        return False

    def _open_again(self, *, was_away: bool) -> bool:
        """Replace the stream; say so if the device had been away or is another one now."""
        self._close_stream()
        with self._portaudio.lock:
            if self.closed.is_set():
                return True
            try:
                device = self._portaudio.find(self._wanted, self._kind)
                stream = self._open(device)
            except AudioDeviceError as exc:
                logger.debug("%s", exc)
                return False
            with self._lock:
                self.stream = stream
            self.stalled_s = 0.0 if was_away else max(0.0, stream.started_at - self._pulse.beat_at)
            self._pulse = Pulse(started_at=stream.started_at)
        if self.closed.is_set():  # close() came while it was being opened and found nothing to close
            self._close_stream()
            return True
        if device.name != self.device.name:
            self._say(f"the {ROLES[self._kind]} is now {device.name!r}", Severity.INFO)
        elif was_away:
            self._say(f"the {ROLES[self._kind]} {device.name!r} is back", Severity.INFO)
        self.device = device
        return True

    def _open(self, device: Device) -> S:
        with clients_first():
            return self._open_stream(device)

    def _rescan(self, cancelled: Callable[[], bool]) -> None:
        def give_up() -> bool:
            return self.closed.is_set() or cancelled()

        if give_up():
            return
        try:
            self._portaudio.rescan_for(self, self.device.name, self._kind, give_up=give_up)
        except AudioDeviceError as exc:
            logger.debug("%s", exc)

    def _close_stream(self, limit_s: float = NO_LIMIT) -> bool:
        """Close the stream; False if its user did not let go of it within the limit."""
        # A refresh closes all streams that it sees, and those that nobody shows it end with PortAudio: one that was
        # taken away here must be closed before the next refresh.
        with self._portaudio.lock:
            if not self._lock.acquire(timeout=limit_s):
                return False
            stream, self.stream = self.stream, None
            self._lock.release()
            if stream is not None:
                self._portaudio.close_stream(stream)
        return True

    def _pause(self, seconds: float, cancelled: Callable[[], bool]) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not cancelled() and not self.closed.wait(POLL_S):
            pass

    def _say(self, text: str, severity: Severity = Severity.WARNING) -> None:
        logger.info("%s", text)  # no warning: the notice is what the user sees
        self._notify(Notice(text, severity))
