"""Lets the threads that carry audio run before everything else, where Linux allows it.

Core Audio and WASAPI give their threads real-time priority themselves; ALSA gives PortAudio's none, and on a machine
that is busy with a model they then wait for tens of milliseconds. They only copy a block and sleep, so they take
nothing from anybody. Without the permission (root, or the `audio` group's limits) everything stays as it was.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TASKS = Path("/proc/self/task")
MAIN_LOOPS = {"threaded-ml", "alsa-pulse", "alsa-pipewire"}  # how the sound servers' clients name their threads
REALTIME_PRIORITY = 5  # of 1..99: above all ordinary threads, below the sound server's
NICE = -11  # what PulseAudio takes when it may not have more
logger = logging.getLogger(__name__)


def run_callback_first(stream: Any) -> None:
    """Ask PortAudio for a real-time callback thread; before the stream is started. Any host API but ALSA has one."""
    sounddevice = sys.modules.get("sounddevice")
    pointer = getattr(stream, "_ptr", None)
    if sys.platform != "linux" or sounddevice is None or pointer is None:
        return
    library = ctypes.CDLL(sounddevice._libname)
    enable = getattr(library, "PaAlsa_EnableRealtimeScheduling", None)
    if enable is not None:
        enable(ctypes.c_void_p(int(sounddevice._ffi.cast("intptr_t", pointer))), 1)


@contextmanager
def clients_first() -> Iterator[None]:
    """Raise the threads of sound-server clients that begin within the block, told by their names."""
    before = _main_loops()
    yield
    for thread_id in _main_loops() - before:
        _raise(thread_id)


def _main_loops() -> set[int]:
    if sys.platform != "linux":
        return set()
    found = set()
    for task in TASKS.iterdir():
        try:
            if (task / "comm").read_text().strip() in MAIN_LOOPS:
                found.add(int(task.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def _raise(thread_id: int) -> None:
    if sys.platform != "linux":
        return
    try:
        os.sched_setscheduler(thread_id, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(REALTIME_PRIORITY))
        return
    except OSError as exc:
        logger.debug("no real-time priority for audio: %s", exc)
    try:
        os.setpriority(os.PRIO_PROCESS, thread_id, NICE)
    except OSError as exc:
        logger.debug("no better priority for audio: %s", exc)
