"""Recognizers on the machines of a Ray cluster, one in each worker.

Ray restarts a worker that dies and tries once more what it was at. The other machines need voicechat, installed like
here. Knows a recognizer's name and options, nothing of recordings.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from voicechat.errors import ConfigError, ModelError, VoiceChatError
from voicechat.recognizer_processes import BATCHES_EACH, MAX_TRIES, Recipe
from voicechat.registry import load_backend
from voicechat.speech.recognizers import Result, batch_transcriber, recognize

LOCAL = "local"  # as an address: a cluster of this machine alone, for this run
CONNECT_S = 5.0
AUTO = "auto"  # the cluster that this machine belongs to, else LOCAL


class RecognizerCluster:
    """Hands batches to workers all over a cluster; each has the next at hand when it is done with one. For one thread.

    Args:
        address: of the cluster, "host:port" or "ray://host:port"; AUTO or LOCAL.
    """

    def __init__(self, recipe: Recipe, address: str = AUTO) -> None:
        """Join the cluster, start a worker for each of its GPUs or processors, and wait until the first has loaded.

        Raises:
            ConfigError: If the recognizer cannot be made with these options, or Ray is missing.
            ModelError: If it cannot be loaded, or the cluster cannot be reached.
        """
        self._recipe = recipe
        self._ray = _ray()
        self._waiting: deque[tuple[int, Sequence[np.ndarray]]] = deque()  # for a worker that has room
        self._under_way: dict[Any, tuple[int, Any]] = {}  # what Ray promises -> the batch's key, its worker
        self._workers: dict[Any, int] = {}  # how many batches each has
        with ExitStack() as stack:
            stack.callback(self.close)
            self._join(address)
            worker = self._worker_class()
            first = worker.remote(recipe)
            self._workers[first] = 0
            ready = self._result(first.load.remote())
            if isinstance(ready, VoiceChatError):
                raise ready
            self.max_piece_s, self.batch_size = ready
            for _ in range(self._n_workers() - 1):
                self._workers[worker.remote(recipe)] = 0
            stack.pop_all()
        self.n_at_once = len(self._workers) * BATCHES_EACH

    def submit(self, key: int, pieces: Sequence[np.ndarray]) -> None:
        """Hand in a batch of float32 (n,) at 16 kHz."""
        self._waiting.append((key, pieces))
        self._hand_over()

    def take(self, *, wait: bool) -> tuple[int, Result] | None:
        """Give what became of a batch that is done; None if none is and none is waited for.

        Raises:
            ConfigError: If a recognizer cannot be made on another machine, as it could on the first.
            ModelError: Likewise.
        """
        if not self._under_way:
            return None
        done, _ = self._ray.wait(list(self._under_way), num_returns=1, timeout=None if wait else 0)
        if not done:
            return None
        key, worker = self._under_way.pop(done[0])
        self._workers[worker] -= 1
        self._hand_over()
        return key, self._result(done[0])

    def close(self) -> None:
        """End the workers, whatever they are at, and leave the cluster. Idempotent."""
        self._waiting.clear()
        self._under_way.clear()
        for worker in self._workers:
            self._ray.kill(worker)
        self._workers.clear()
        self._ray.shutdown()

    def _join(self, address: str) -> None:
        _check_reachable(address)
        # A cluster of our own listens to this machine only.
        own = {"_node_ip_address": "127.0.0.1", "include_dashboard": False} if address == LOCAL else {}
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
        except ConnectionError as exc:
            if address == AUTO:
                self._join(LOCAL)
                return
            raise ModelError(
                f"there is no Ray cluster at {address} ({_first_line(exc)}); start it, or leave the address out"
            ) from exc
        except (ValueError, RuntimeError, self._ray.exceptions.RayError) as exc:
            raise ModelError(f"cannot join the Ray cluster at {address}: {_first_line(exc)}") from exc

    def _n_workers(self) -> int:
        has = self._ray.cluster_resources()
        return max(1, int(has.get("GPU" if self._wants_gpu() else "CPU", 1)))

    def _wants_gpu(self) -> bool:
        device = str(self._recipe.options.get("device", "cpu"))
        return device.startswith(("auto", "cuda")) and self._ray.cluster_resources().get("GPU", 0) >= 1

    def _worker_class(self) -> Any:
        gpus = 1 if self._wants_gpu() else 0
        return self._ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=-1, max_task_retries=MAX_TRIES - 1)(_Worker)

    def _hand_over(self) -> None:
        while self._waiting:
            worker = min(self._workers, key=lambda each: self._workers[each])
            if self._workers[worker] >= BATCHES_EACH:
                return
            key, pieces = self._waiting.popleft()
            self._workers[worker] += 1
            self._under_way[worker.recognize.remote(list(pieces))] = (key, worker)

    def _result(self, promise: Any) -> Any:
        """Wait for what a worker gives; what Ray has to say instead is the error of that batch."""
        try:
            return self._ray.get(promise)
        except self._ray.exceptions.RayActorError:
            return ModelError(f"a worker of {self._recipe.name} died over the same piece of speech {MAX_TRIES} times")
        except self._ray.exceptions.RayError as exc:
            return ModelError(f"a worker of the Ray cluster failed: {_first_line(exc)}; is voicechat installed there?")


class _Worker:
    """A recognizer on one machine of the cluster; loaded again after a restart."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._transcriber: Any = None

    def load(self) -> tuple[float, int] | VoiceChatError:
        """Load the recognizer; give its max_piece_s and batch_size."""
        try:
            transcriber = self._loaded()
        except VoiceChatError as error:
            return error
        return transcriber.max_piece_s, transcriber.batch_size

    def recognize(self, pieces: Sequence[np.ndarray]) -> Result:
        try:
            transcriber = self._loaded()
            return recognize(transcriber, pieces, words=self._recipe.words and transcriber.tells_words)
        except VoiceChatError as error:
            return error

    def _loaded(self) -> Any:
        if self._transcriber is None:
            self._transcriber = batch_transcriber(load_backend("asr", self._recipe.name, self._recipe.options))
        return self._transcriber


def _check_reachable(address: str) -> None:
    """Refuse an address where nobody listens, which Ray would wait for."""
    if address in (AUTO, LOCAL):
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and host and port.isdecimal()):
        raise ConfigError(f"--ray takes {AUTO}, {LOCAL}, HOST:PORT or ray://HOST:PORT, not {address!r}")
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as exc:
        raise ModelError(f"there is no Ray cluster at {address}: {_first_line(exc)}; start it, or use {LOCAL}") from exc


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told anything of what is done here
    try:
        import ray
        import ray.exceptions
    except ModuleNotFoundError as exc:
        raise ConfigError("--ray needs the package ray; run: pip install 'voicechat[ray]'") from exc
    return ray


def _first_line(exc: BaseException) -> str:
    return (str(exc).strip() or type(exc).__name__).partition("\n")[0]
