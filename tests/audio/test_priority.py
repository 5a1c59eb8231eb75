from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from voicechat.audio import priority

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system sees to it")


class NamedThread:
    """A thread that the kernel knows by a name, alive until the end of the block."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._named = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> NamedThread:
        self._thread.start()
        self._named.wait(5.0)
        self.native_id = self._thread.native_id
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(self._name)
        self._named.set()
        self._end.wait(10.0)


@pytest.fixture
def raised(monkeypatch) -> list[int]:
    raised: list[int] = []
    monkeypatch.setattr(priority, "_raise", raised.append)
    return raised


def test_only_a_sound_servers_thread_that_began_in_the_block_is_raised(raised):
    older, client, model = NamedThread("threaded-ml"), NamedThread("threaded-ml"), NamedThread("a-model")
    with ExitStack() as alive:
        alive.enter_context(older)
        with priority.clients_first():
            alive.enter_context(client)
            alive.enter_context(model)

    assert raised == [client.native_id]


def test_a_thread_is_raised_or_stays_as_it_was_without_the_permission():
    with NamedThread("threaded-ml") as client:
        priority._raise(client.native_id)
        policy = os.sched_getscheduler(client.native_id) & ~os.SCHED_RESET_ON_FORK

    assert policy in (os.SCHED_RR, os.SCHED_OTHER)


def test_a_stream_that_is_not_portaudios_is_left_alone():
    priority.run_callback_first(object())
