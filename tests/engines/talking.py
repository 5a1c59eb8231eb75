"""A user who pauses and goes on, and a pipeline without models whose reply tells what it heard."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import numpy as np
import torch

from voicechat.models.mini_omni.pipeline import Piece
from voicechat.models.mini_omni.whisper import Heard
from voicechat.types import CAPTURE_RATE
from voicechat.utterance import Utterance

N_LAYERS = 3  # of the encoder: it may stop before each
N_STEPS = 6  # of a reply
FIRST_SOUND = 2  # the step that brings it


class EchoPipeline:
    """Replies with the sum of what it heard in every sample. `at(stage)` is called before each stage of the work."""

    def __init__(self, at: Callable[[str], None] = lambda _stage: None, *, cut: bool = False) -> None:
        self._at = at
        self._cut = cut
        self.stages: list[str] = []  # those that were begun
        self.open = 0  # replies that are neither over nor closed

    def hear(self, audio, *, margin_s, stopped) -> Heard | None:
        for _ in range(N_LAYERS):
            self._begin("hear")
            if stopped():
                return None
        self._at("heard")
        features = torch.tensor([float(audio.sum()), float(len(audio))])
        return Heard(features, min(len(audio) / CAPTURE_RATE, 30.0), len(audio) / CAPTURE_RATE)

    def answer(self, features, style, stopped) -> Iterator[Piece]:
        self.open += 1
        try:
            self._begin("prefill")
            for index in range(N_STEPS):
                self._begin("step")
                yield Piece(f"{index} ", expected_sound(features) if index >= FIRST_SOUND else np.zeros(0, np.float32))
                if stopped():
                    return
            yield Piece("end", expected_sound(features), cut=self._cut)
        finally:
            self.open -= 1

    def words(self, features, stopped) -> str:
        self._begin("words")
        return f"{float(features[0]):.3f}"

    def _begin(self, stage: str) -> None:
        self.stages.append(stage)
        self._at(stage)


def expected_sound(features) -> np.ndarray:
    return np.full(100, float(features[0]), np.float32)


class User:
    """Speaks, pauses and goes on at random, then says no more; keeps what the reply must be to."""

    def __init__(self, seed: int, *, n_acts: int = 6) -> None:
        self._random = random.Random(seed)
        self.utterance = Utterance()
        self._said: list[np.ndarray] = []
        self._paused_at = 0  # pieces said by then; 0: not paused
        self._n_left = n_acts
        self._acting = threading.Lock()  # serializes the user's own thread and a test that makes the user act
        self._speak()

    @property
    def final_audio(self) -> np.ndarray:
        """What the user said, up to the pause that was the end."""
        return np.concatenate(self._said[: self._paused_at or None])

    @property
    def done(self) -> bool:
        return self.utterance.finished

    def act(self) -> None:
        """Do the next thing."""
        with self._acting:
            if not self.done:
                self._act()

    def _act(self) -> None:
        self._n_left -= 1
        if self._n_left < 0:
            self.utterance.end(ended_at=1.0, speech_s=0.5)
        elif self._random.random() < 0.4:
            self._speak()
        elif self._paused_at:
            self.utterance.resume()
            self._paused_at = 0
            self._speak()
        else:
            self.utterance.pause()
            self._paused_at = len(self._said)

    def talk(self) -> threading.Thread:
        """Do it all in a thread of the user's own, at a pace of its own."""

        def listen() -> None:
            while not self.done:
                threading.Event().wait(self._random.choice((0, 0, 0.0005, 0.001)))
                self.act()

        thread = threading.Thread(target=listen, name="voicechat-test-listen")
        thread.start()
        return thread

    def _speak(self) -> None:
        piece = np.full(CAPTURE_RATE // 5, self._random.random(), np.float32)
        self.utterance.push(piece)
        self._said.append(piece)
