from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from tests.audio.fake_device import device
from voicechat.audio import stream_keeper
from voicechat.audio.stream_keeper import STALL_S, START_UP_S, Pulse, StreamKeeper
from voicechat.errors import AudioDeviceError
from voicechat.types import Notice


@dataclass
class Stream:
    device: object
    n_blocks: int = 0
    active: bool = True
    started_at: float = 0.0  # long ago: the start-up allowance is over
    closed: bool = False

    def close(self) -> None:
        self.active = False
        self.closed = True


@dataclass
class Machine:
    """PortAudio with one device; says when it is there."""

    present: bool = True
    name: str = "fake"
    returns_at_rescan: int = 1
    n_rescans: int = 0
    streams: list[Stream] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    wanted: list[object] = field(default_factory=list)
    n_left_behind: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def find(self, wanted, kind):
        self.wanted.append(wanted)
        if not self.present:
            raise AudioDeviceError("no such device")
        return device(name=self.name)

    def add(self, tenant):
        self.tenant = tenant

    def remove(self, tenant):
        self.tenant = None

    def rescan_for(self, tenant, name, kind, *, give_up):
        self.n_rescans += 1
        self.present = self.n_rescans >= self.returns_at_rescan

    def close_stream(self, stream):
        stream.close()

    def leave_behind(self):
        self.n_left_behind += 1

    def open(self, found):
        self.streams.append(Stream(found))
        return self.streams[-1]

    def notify(self, notice: Notice) -> None:
        self.notices.append(notice.text)

    def keeper(self, wanted: str | None = None, *, wait: bool = True) -> StreamKeeper[Stream]:
        return StreamKeeper(self, "input", wanted, self.open, lock=threading.Lock(), wait=wait, notify=self.notify)


@pytest.fixture(autouse=True)
def retry_at_once(monkeypatch):
    monkeypatch.setattr(stream_keeper, "RETRY_S", 0.0)


def test_a_stream_that_counts_blocks_is_alive():
    pulse = Pulse(started_at=0.0)

    assert not any(pulse.stalled(i, START_UP_S + i) for i in range(10))


def test_a_stream_without_a_block_for_the_limit_is_stalled():
    pulse = Pulse(started_at=0.0)
    t = 100.0
    looks = [pulse.stalled(7, t + i * STALL_S / 15) for i in range(20)]

    assert looks == [False] * 15 + [True] * 5


def test_a_few_late_looks_are_no_stall():
    pulse = Pulse(started_at=0.0)
    looks = [pulse.stalled(7, 100.0 + i * STALL_S) for i in range(9)]

    assert not any(looks)
    assert not pulse.stalled(8, 110.0)


def test_a_stream_may_take_its_time_to_start():
    pulse = Pulse(started_at=50.0)
    t = 50.0
    while t < 50.0 + START_UP_S:
        assert not pulse.stalled(9, t)
        t += 0.01
    assert any(pulse.stalled(9, t + STALL_S) for _ in range(20))


def test_a_living_stream_is_given_as_it_is():
    machine = Machine()
    keeper = machine.keeper()

    assert keeper.live_stream() is machine.streams[0]
    assert machine.notices == []


def test_a_dead_stream_is_opened_again_without_a_word():
    machine = Machine()
    keeper = machine.keeper()
    machine.streams[0].active = False

    assert keeper.live_stream() is machine.streams[1]
    assert machine.streams[0].closed
    assert (machine.notices, machine.n_rescans) == ([], 0)


def test_a_device_that_went_away_is_waited_for_and_its_return_is_told():
    machine = Machine(returns_at_rescan=3)
    keeper = machine.keeper()
    machine.streams[0].active = machine.present = False

    assert keeper.live_stream() is machine.streams[1]
    assert machine.n_rescans == 3
    assert machine.notices == [
        "the microphone 'fake' went away; waiting for it to come back",
        "the microphone 'fake' is back",
    ]


def test_a_device_that_went_away_ends_the_talk_if_it_is_not_waited_for():
    machine = Machine()
    keeper = machine.keeper(wait=False)
    machine.streams[0].active = machine.present = False

    with pytest.raises(AudioDeviceError, match="'fake' went away; plug it in again, or leave out --no-wait"):
        keeper.live_stream()


def test_another_default_device_is_named():
    machine = Machine()
    keeper = machine.keeper()
    machine.streams[0].active = False
    machine.name = "headset"

    assert keeper.live_stream() is machine.streams[1]
    assert machine.notices == ["the microphone is now 'headset'"]


def test_a_suspended_stream_is_opened_again_on_its_next_use():
    machine = Machine()
    keeper = machine.keeper()
    keeper.suspend()

    assert machine.streams[0].closed
    assert keeper.live_stream() is machine.streams[1]
    assert machine.notices == []


def test_closing_lets_the_one_who_waits_for_a_device_go():
    machine = Machine(returns_at_rescan=10**9)
    keeper = machine.keeper()
    machine.streams[0].active = machine.present = False
    given = []
    waiter = threading.Thread(target=lambda: given.append(keeper.live_stream()))
    waiter.start()
    keeper.close()
    waiter.join(5.0)

    assert given == [None]
    assert machine.tenant is None


def test_a_cancelled_writer_does_not_wait_for_a_device():
    machine = Machine(returns_at_rescan=10**9)
    keeper = machine.keeper()
    machine.streams[0].active = machine.present = False

    assert keeper.live_stream(lambda: machine.n_rescans > 2) is None


def test_closing_twice_is_closing_once():
    machine = Machine()
    keeper = machine.keeper()
    keeper.close()
    keeper.close()

    assert machine.streams[0].closed
    assert keeper.live_stream() is None


@pytest.mark.parametrize(("wanted", "again"), [(None, None), ("fa", "fake, none")])
def test_a_named_device_is_opened_again_by_its_name_and_host_api(wanted, again):
    machine = Machine()
    keeper = machine.keeper(wanted)
    machine.streams[0].active = False
    keeper.live_stream()

    assert machine.wanted == [wanted, again]


def test_closing_does_not_wait_for_ever_for_a_thread_that_hangs_in_a_driver(monkeypatch):
    monkeypatch.setattr(stream_keeper, "LOCK_LIMIT_S", 0.02)
    machine = Machine()
    keeper = machine.keeper()
    closer = threading.Thread(target=keeper.close)
    with machine.lock:  # another thread opens a device
        closer.start()
        closer.join(5.0)

    assert not closer.is_alive()
    assert machine.n_left_behind == 1
    assert keeper.live_stream() is None


class OwnerLock:
    """The owner's lock; notes whether PortAudio was kept from a refresh when it was taken."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.refresh_was_kept_off: list[bool] = []

    def acquire(self, timeout: float = -1.0) -> bool:
        self.refresh_was_kept_off.append(self._machine.lock._is_owned())
        return True

    def release(self) -> None: ...

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exc_info: object) -> None: ...


def test_no_refresh_can_come_between_taking_a_stream_away_and_closing_it():
    machine = Machine()
    keeper = machine.keeper()
    owner = keeper._lock = OwnerLock(machine)
    keeper.suspend()
    keeper.live_stream()
    keeper.close()

    assert len(owner.refresh_was_kept_off) >= 3
    assert all(owner.refresh_was_kept_off)
