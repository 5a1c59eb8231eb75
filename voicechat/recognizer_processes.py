"""Recognizers in processes of their own, one in each, so that several cores recognize at once.

A process that dies is replaced, and what it was at is tried once more. None outlives this one: each ends as soon as
its pipe does. Knows a recognizer's name and options, nothing of recordings.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TypeAlias

import numpy as np

from voicechat.errors import ModelError, VoiceChatError
from voicechat.registry import load_backend
from voicechat.speech.recognizers import Result, batch_transcriber, recognize

logger = logging.getLogger(__name__)

BATCHES_EACH = 2  # handed to a process at once: it has the next when it is done with one
MAX_TRIES = 2  # of a batch whose process died
END_S = 2.0  # for a process that was told to end


@dataclass(frozen=True)
class Recipe:
    """How a recognizer is made."""

    name: str  # as in `--asr`
    options: Mapping[str, object]
    words: bool  # ask for the times of words


@dataclass(frozen=True)
class _Ready:
    """The first thing a process says."""

    max_piece_s: float
    batch_size: int


@dataclass(frozen=True, eq=False)
class _Batch:
    key: int
    pieces: Sequence[np.ndarray]
    n_tries: int = 0  # that ended with the death of a process


@dataclass(eq=False)
class _Worker:
    """A process and what it has to do."""

    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    batches: deque[_Batch] = field(default_factory=deque)  # in the order in which it does them


_Said: TypeAlias = _Ready | VoiceChatError | tuple[int, Result]


class RecognizerProcesses:
    """Hands batches to processes; each gets the next as soon as it is done with one. For one thread."""

    def __init__(self, recipe: Recipe, *, n_processes: int) -> None:
        """Start the processes and wait until the first has loaded its recognizer.

        Raises:
            ConfigError: If the recognizer cannot be made with these options.
            ModelError: If it cannot be loaded.
        """
        self._recipe = recipe
        self._n_processes = n_processes
        self._waiting: deque[_Batch] = deque()  # for a process that has room
        self._done: deque[tuple[int, Result]] = deque()
        self._workers: list[_Worker] = []
        self.n_at_once = n_processes * BATCHES_EACH
        self.max_piece_s, self.batch_size = 0.0, 1
        with ExitStack() as stack:
            stack.callback(self.close)
            self._start()  # alone: should the model be missing, that is said once
            while not self._workers or not self._workers[0].ready:
                self._listen(wait=True)
            for _ in range(n_processes - 1):
                self._start()
            stack.pop_all()

    def submit(self, key: int, pieces: Sequence[np.ndarray]) -> None:
        """Hand in a batch of float32 (n,) at 16 kHz."""
        self._waiting.append(_Batch(key, pieces))
        self._hand_over()

    def take(self, *, wait: bool) -> tuple[int, Result] | None:
        """Give what became of a batch that is done; None if none is and none is waited for.

        Raises:
            ConfigError: If a recognizer cannot be made in another process, as it could in the first.
            ModelError: Likewise.
        """
        self._listen(wait=False)
        while wait and not self._done:
            self._listen(wait=True)
        return self._done.popleft() if self._done else None

    def close(self) -> None:
        """End the processes, whatever they are at. Idempotent."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.process.kill()
            worker.pipe.close()
        for worker in workers:
            worker.process.join(END_S)

    def _start(self) -> None:
        ours, theirs = _CONTEXT.Pipe()
        cores = max(1, (os.cpu_count() or 1) // self._n_processes)
        process = _CONTEXT.Process(
            target=_work, args=(theirs, self._recipe, cores), name="voicechat-recognizer", daemon=True
        )
        with _no_interrupt():
            process.start()
        theirs.close()  # so that the pipe ends with either process
        self._workers.append(_Worker(process, ours))

    def _hand_over(self) -> None:
        while self._waiting:
            ready = [worker for worker in self._workers if worker.ready and len(worker.batches) < BATCHES_EACH]
            if not ready:
                return
            worker = min(ready, key=lambda each: len(each.batches))
            batch = self._waiting.popleft()
            worker.batches.append(batch)
            try:
                worker.pipe.send((batch.key, batch.pieces))
            except OSError:
                self._bury(worker)

    def _listen(self, *, wait: bool) -> None:
        """Take in what the processes say; with `wait`, at least one thing."""
        pipes = {worker.pipe: worker for worker in self._workers}
        for pipe in multiprocessing.connection.wait(list(pipes), None if wait else 0):
            worker = pipes[pipe]  # type: ignore[index]  # it is one of those that were waited for
            try:
                said: _Said = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
                continue
            if isinstance(said, VoiceChatError):
                raise said
            if isinstance(said, _Ready):
                worker.ready = True
                self.max_piece_s, self.batch_size = said.max_piece_s, said.batch_size
            else:
                worker.batches.popleft()
                self._done.append(said)
        self._hand_over()

    def _bury(self, worker: _Worker) -> None:
        """Replace a process that died; what it had to do goes to others, first of all what it was at.

        Raises:
            ModelError: If it never got ready.
        """
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join(END_S)
        reason = f"the process of {self._recipe.name} died (exit code {worker.process.exitcode})"
        if not worker.ready:
            raise ModelError(f"{reason} while it loaded; is there enough memory for {self._n_processes} of them?")
        logger.warning("%s; starting another", reason)
        for index, batch in reversed(list(enumerate(worker.batches))):
            if index == 0 and batch.n_tries + 1 >= MAX_TRIES:
                self._done.append((batch.key, ModelError(f"{reason} over the same piece of speech twice")))
            else:
                self._waiting.appendleft(replace(batch, n_tries=batch.n_tries + (index == 0)))
        self._start()


_CONTEXT = multiprocessing.get_context("spawn")  # a fork would copy threads and locks in any state


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Let a process that is started here ignore Ctrl-C from its first moment: it is we who end it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(pipe: Connection, recipe: Recipe, n_cores: int) -> None:
    """Recognize what comes through the pipe; the whole life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Neural recognizers would each compute with all cores, and wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", str(n_cores))
    batches: queue.SimpleQueue[tuple[int, list[np.ndarray]]] = queue.SimpleQueue()
    try:
        transcriber = batch_transcriber(load_backend("asr", recipe.name, recipe.options))
    except VoiceChatError as error:
        pipe.send(error)
        return
    pipe.send(_Ready(transcriber.max_piece_s, transcriber.batch_size))
    threading.Thread(target=_read, args=(pipe, batches), name="voicechat-batches", daemon=True).start()
    while True:
        key, pieces = batches.get()
        try:
            result = recognize(transcriber, pieces, words=recipe.words and transcriber.tells_words)
        except VoiceChatError as error:  # one that ends the run
            pipe.send(error)
            return
        pipe.send((key, result))


def _read(pipe: Connection, batches: queue.SimpleQueue[tuple[int, list[np.ndarray]]]) -> None:
    """Take batches in while others are recognized, and end the process as soon as nobody waits for them."""
    while True:
        try:
            batches.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(0)
