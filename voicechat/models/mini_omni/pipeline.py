"""Mini-Omni as a whole: its four parts on one device; an utterance in, words and sound out as they come.

Knows models and tensors; nothing of turns, devices of sound, or when a reply is wanted. It holds no state of a reply:
one pipeline serves many at once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from voicechat.errors import ConfigError, ModelError
from voicechat.models.device import Choice, memory_watched
from voicechat.models.mini_omni import checkpoint, snac_checkpoint, whisper
from voicechat.models.mini_omni.generate import Sampling, generate, generate_batch
from voicechat.models.mini_omni.model import MiniOmni
from voicechat.models.mini_omni.snac import FRAME_SAMPLES, SAMPLE_RATE, SnacDecoder
from voicechat.models.mini_omni.split import on_matrix_unit
from voicechat.models.mini_omni.tokenizer import TextTokenizer
from voicechat.models.mini_omni.tokens import N_LAYERS, Step, Task, frames, prompt
from voicechat.models.mini_omni.whisper import MIN_SAMPLES, Heard, WhisperEncoder

FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
MAX_WORDS_TOKENS = 256  # of a transcript: 30 s of fast speech have fewer
N_PROMPT_MARKS = 3  # positions of a prompt besides the features or the text

Precision = Literal["int8", "float32", "bfloat16", "float16"]
Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Style:
    """How a reply is made."""

    sampling: Sampling = field(default_factory=Sampling)
    max_reply_s: float = 40.0
    noise_seed: int | None = 0  # of the voice's breath; None: none


@dataclass(frozen=True, eq=False)
class Piece:
    """What one step adds to a reply; either may be empty."""

    text: str
    samples: np.ndarray  # float32 (n,) at SAMPLE_RATE
    cut: bool = False  # whether the reply ends here because it may not be longer


class Pipeline:
    """Ears, brain and voice."""

    def __init__(
        self, *, encoder: WhisperEncoder, model: MiniOmni, voice: SnacDecoder, tokenizer: TextTokenizer
    ) -> None:
        self.encoder, self.model, self.voice, self.tokenizer = encoder, model, voice, tokenizer
        weight = model.transformer.ln_f.weight
        self.device, self._dtype = weight.device, weight.dtype

    def hear(self, audio: np.ndarray, *, margin_s: float | None, stopped: Stopped) -> Heard | None:
        """Encode an utterance, see `WhisperEncoder.hear`; None once `stopped` says yes."""
        with memory_watched(self.device.type):
            return self.encoder.hear(audio, margin_s=margin_s, stopped=stopped)

    def answer(self, features: Tensor, style: Style, stopped: Stopped) -> Generator[Piece, None, None]:
        """Answer what was heard; `stopped` is asked before each step."""
        n_steps = self._n_steps(len(features), style)
        with memory_watched(self.device.type):
            features = features.to(self._dtype)
        steps = generate_batch(self.model, features, max_new_tokens=n_steps, sampling=style.sampling)
        return self._pieces(steps, n_steps, style, stopped)

    def answer_text(self, text: str, style: Style, stopped: Stopped) -> Generator[Piece, None, None]:
        """Answer what was typed; `stopped` is asked before each step."""
        ids = self.tokenizer.encode(text)
        n_steps = self._n_steps(len(ids), style)
        typed = prompt(Task.TEXT_TO_SPEECH, text=ids).to(self.device)
        steps = generate(self.model, typed, speaks=True, max_new_tokens=n_steps, sampling=style.sampling)
        return self._pieces(steps, n_steps, style, stopped)

    def words(self, features: Tensor, stopped: Stopped) -> str:
        """Write down what was heard; `stopped` is asked before each step."""
        asked = prompt(Task.TRANSCRIBE, n_frames=len(features)).to(self.device)
        n_steps = min(MAX_WORDS_TOKENS, self.model.config.block_size - asked.shape[1])
        text = self.tokenizer.stream()
        words = ""
        steps = generate(self.model, asked, speaks=False, max_new_tokens=n_steps, features=features.to(self._dtype))
        with memory_watched(self.device.type), closing(steps):
            for step in steps:
                if stopped():
                    break
                words += text.push(step.text) if step.text is not None else ""
        return (words + text.finish()).strip()

    def warm_up(self) -> None:
        """Run every part once, so that the first reply does not wait for what is made or read on first use."""
        heard = self.hear(np.zeros(MIN_SAMPLES, np.float32), margin_s=0.0, stopped=lambda: False)
        assert heard is not None
        for _ in self.answer(heard.features, Style(max_reply_s=FRAME_S), lambda: False):
            pass
        self.voice.decode(torch.zeros(N_LAYERS, 1, dtype=torch.int64), noise_seed=0)

    def _n_steps(self, n_input: int, style: Style) -> int:
        """Give how many steps a reply may have; a frame of sound is complete N_LAYERS steps after its first."""
        room = self.model.config.block_size - n_input - N_PROMPT_MARKS
        if room <= N_LAYERS:
            raise ModelError(f"an input of {n_input} positions leaves this checkpoint no room for a reply; say less")
        return min(room, math.ceil(style.max_reply_s / FRAME_S) + N_LAYERS)

    def _pieces(
        self, steps: Generator[Step, None, None], n_most: int, style: Style, stopped: Stopped
    ) -> Generator[Piece, None, None]:
        text, sound = self.tokenizer.stream(), self.voice.stream(noise_seed=style.noise_seed)
        recent: deque[Step] = deque(maxlen=N_LAYERS + 1)  # the steps that a frame is spread over
        n_steps = 0
        with memory_watched(self.device.type), closing(steps):
            for step in steps:
                n_steps += 1
                recent.append(step)
                pushed = [_samples(sound.push(torch.tensor(codes)[:, None])) for codes in frames(recent)]
                written = "" if step.text is None else text.push(step.text)
                yield Piece(written, pushed[0] if pushed else np.zeros(0, np.float32))
                if stopped():
                    return
            yield Piece(text.finish(), _samples(sound.finish()), cut=n_steps == n_most)


def chosen_precision(requested: Literal["auto"] | Precision, device: Choice) -> Precision:
    """Give the language model's precision on a device: what was asked for, or the best for it.

    Raises:
        ConfigError: If the device cannot run it.
    """
    if requested == "int8" and not device.is_cpu:
        raise ConfigError(f"dtype int8 is for the CPU, not for {device.name}; use --device cpu or another --dtype")
    if requested == "auto":
        return "int8" if device.is_cpu else "float32"
    return requested


def load(folder: Path, *, device: str = "cpu", precision: Precision = "int8") -> Pipeline:
    """Load all parts from a folder as `voicechat models pull mini-omni` leaves it.

    Args:
        device: of the encoder and the language model; the voice stays on the CPU, which is fast enough for it.
        precision: of the language model; "int8" for the CPU only.

    Raises:
        ModelError: If a file is missing, damaged or foreign.
        DeviceMemoryError: If the device has not enough memory.
    """
    with memory_watched(device):
        if precision == "int8":
            model: MiniOmni = checkpoint.load_int8(folder / "checkpoint")
        else:
            model = checkpoint.load(folder / "checkpoint", device=device, dtype=getattr(torch, precision))
        encoder = whisper.load(whisper.located(folder), device=device)
        return Pipeline(
            encoder=on_matrix_unit(encoder) if precision == "int8" else encoder,  # to 16 bits, which 8 do not see
            model=model,
            voice=snac_checkpoint.load(folder / "snac"),
            tokenizer=TextTokenizer(folder / "checkpoint" / "tokenizer.json"),
        )


def _samples(sound: Tensor) -> np.ndarray:
    samples: np.ndarray = sound.cpu().numpy()
    return samples
