"""Whisper as a whole: pieces of speech in, their words out. It holds no state of a call: one serves many threads.

1) pieces that can hold no words are left out, the others laid into windows; 2) the windows are encoded one by one and
written down several at once; 3) a text that is not to be trusted is tried again, less greedily; 4) each piece gets its
words back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from voicechat.errors import ConfigError
from voicechat.models.device import memory_watched
from voicechat.models.heard import Heard, TimedWord
from voicechat.models.mini_omni import kernels
from voicechat.models.mini_omni.whisper import SAMPLE_RATE, WINDOW_MELS
from voicechat.models.whisper import checkpoint, guard
from voicechat.models.whisper.checkpoint import Parts, Precision
from voicechat.models.whisper.decode import Writing, Written, likeliest, write
from voicechat.models.whisper.model import FEATURE_S, encode, log_mel
from voicechat.models.whisper.packing import (
    Span,
    cut_points,
    handed_out,
    laid_out,
    packed,
)
from voicechat.models.whisper.text import UNSPACED
from voicechat.models.whisper.timing import token_times, word_times

MIN_SAMPLES = SAMPLE_RATE // 10  # 100 ms: what is shorter is no word
MIN_LEVEL_DB = -90.0  # quieter than the last bit of 16: nothing is there
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # of the tries, until a text can be trusted; the paper's
TOKENS_PER_S, TOKENS_BESIDE = 20.0, 16  # more than any language is spoken in; beyond that it is a loop

Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Request:
    """How to write down."""

    language: str = ""  # ISO 639-1; "": found out for each window
    translate: bool = False  # into English
    prompt: str = ""  # text as it could stand before: style, names, words to expect
    guarded: bool = True  # try doubtful texts again, leave invented ones out
    share: bool = True  # lay short pieces into one window
    margin_s: float | None = None  # of silence to encode after a window's last sound; None: up to 30 s, as trained
    n_windows: int = 4  # written down at once
    tokens_per_s: float = TOKENS_PER_S  # the most that a second of speech may have, besides
    tokens_beside: int = TOKENS_BESIDE  # so many for the window


@dataclass
class _Window:
    """What becomes of one window."""

    spans: list[Span]
    features: Tensor
    language: str
    written: Written | None = None
    doubt: guard.Evidence | None = field(default=None)


class Whisper:
    """Encoder, decoder, tokenizer and rules of one checkpoint."""

    def __init__(self, parts: Parts, name: str) -> None:
        """Take a checkpoint; `name` is what errors call it."""
        self._encoder, self._decoder = parts.encoder, parts.decoder
        self._tokenizer, self._rules = parts.tokenizer, parts.rules
        self._name = name
        self.device: torch.device = parts.encoder.layer_norm.weight.device
        self._compiled = parts.decoder.head is not None and kernels.library() is not None

    def check(self, request: Request) -> None:
        """Find out whether a request can be met.

        Raises:
            ConfigError: If the model does not know the language or the task; the message lists what it knows.
        """
        known = self._tokenizer.languages or {"en": 0}
        if request.language and request.language not in known:
            raise ConfigError(f"{self._name} knows no language {request.language!r:.20}; known: {', '.join(known)}")
        if request.translate and not self._tokenizer.languages:
            raise ConfigError(f"{self._name} cannot translate: it knows English only")

    def transcribe(
        self, pieces: Sequence[np.ndarray], request: Request, *, words: bool = False, stopped: Stopped = lambda: False
    ) -> list[Heard] | None:
        """Give the words of each piece of speech.

        Args:
            pieces: float32 (n,) at 16 kHz, of any length; one longer than 30 s is cut where it is quietest.
            words: also tell where each word is.
            stopped: asked often; once it says yes, the answer is None.

        Raises:
            ModelError: If the device's memory is full.
        """
        clean = [np.clip(np.nan_to_num(piece, posinf=0, neginf=0), -1, 1).astype(np.float32) for piece in pieces]
        parts = [(piece, offset, part) for piece, samples in enumerate(clean) for offset, part in _parts(samples)]
        sounds = [part for _, _, part in parts]
        found: list[Heard] = [Heard()] * len(parts)
        windows = packed([len(sound) for sound in sounds], share=request.share)
        with memory_watched(self.device.type), self._threads(), torch.inference_mode():
            for begin in range(0, len(windows), request.n_windows):
                group = windows[begin : begin + request.n_windows]
                results = self._group(group, sounds, request, words=words, stopped=stopped)
                if results is None:
                    return None
                for part, heard in results:
                    found[part] = heard
        return [
            _joined([(o, h) for (p, o, _), h in zip(parts, found, strict=True) if p == n]) for n in range(len(clean))
        ]

    def _group(
        self, group: list[list[Span]], sounds: Sequence[np.ndarray], request: Request, *, words: bool, stopped: Stopped
    ) -> list[tuple[int, Heard]] | None:
        """Write down some windows; give what was heard in each of their parts."""
        audios = [laid_out(spans, sounds) for spans in group]
        features = self._encoded(audios, request, stopped)
        if features is None:
            return None
        languages = self._languages(features, request)
        windows = [_Window(*each) for each in zip(group, features, languages, strict=True)]
        aligned = words or any(len(spans) > 1 for spans in group)
        for number, temperature in enumerate(TEMPERATURES if request.guarded else TEMPERATURES[:1]):
            left = [w for w in windows if w.doubt is None or (number and guard.is_doubtful(w.doubt))]
            if not left:
                break
            tries = self._tries(left, request, temperature, aligned=aligned, stopped=stopped)
            if tries is None:
                return None
            for window, written in zip(left, tries, strict=True):
                self._judge(window, written)
        return [each for window in windows for each in self._heard(window, sounds, request, words=words)]

    def _encoded(self, audios: Sequence[np.ndarray], request: Request, stopped: Stopped) -> Tensor | None:
        n_mels = WINDOW_MELS
        if request.margin_s is not None:
            longest_s = max(len(audio) for audio in audios) / SAMPLE_RATE
            n_mels = min(WINDOW_MELS, 2 * round((longest_s + request.margin_s) / FEATURE_S + 0.5))
        dtype = self._encoder.layer_norm.weight.dtype
        features = []
        for audio in audios:  # one by one: a window fills the processor, and more would only fill its memory
            mel = log_mel(audio, self._encoder.config.n_mels, n_mels)
            encoded = encode(self._encoder, mel.to(self.device, dtype), stopped)
            if encoded is None:
                return None
            features.append(encoded)
        return torch.stack(features)

    def _languages(self, features: Tensor, request: Request) -> list[str]:
        known = self._tokenizer.languages
        if request.language or not known:
            return [request.language or "en"] * len(features)
        code = {token: language for language, token in known.items()}
        return [code[t] for t in likeliest(self._decoder, features, self._tokenizer.start, list(code))]

    def _tries(
        self, windows: Sequence[_Window], request: Request, temperature: float, *, aligned: bool, stopped: Stopped
    ) -> list[Written] | None:
        tokenizer = self._tokenizer
        writing = Writing(
            suppressed=self._rules.suppressed,
            suppressed_first=self._rules.suppressed_first,
            end=tokenizer.end,
            start=tokenizer.start,
            no_speech=tokenizer.no_speech,
            watched=self._rules.alignment_heads if aligned else (),
            temperature=temperature,
        )
        spoken_s = [sum(span.end - span.begin for span in window.spans) / SAMPLE_RATE for window in windows]
        most = [max(1, round(request.tokens_per_s * seconds) + request.tokens_beside) for seconds in spoken_s]
        prompts = [self._prompt(request, window.language) for window in windows]
        features = torch.stack([window.features for window in windows])
        return write(self._decoder, features, prompts, most, writing, stopped)

    def _prompt(self, request: Request, language: str) -> list[int]:
        tokenizer = self._tokenizer
        ids: list[int] = []
        if request.prompt.strip():
            room = self._decoder.config.n_positions // 2 - 1  # the other half is for the text
            ids = [tokenizer.previous, *tokenizer.encode(" " + request.prompt.strip())[-room:]]
        ids.append(tokenizer.start)
        if tokenizer.languages:
            ids += [tokenizer.languages[language], tokenizer.translate if request.translate else tokenizer.transcribe]
        return [*ids, tokenizer.no_timestamps]

    def _judge(self, window: _Window, written: Written) -> None:
        """Keep a try if it is the best so far: one that does not repeat itself, then the likeliest."""
        found = guard.evidence(
            self._tokenizer.decode(written.ids), written.ids, logprob=written.logprob, no_speech=written.no_speech
        )
        before = window.doubt
        if before is None or not guard.is_doubtful(found) or _rank(found) > _rank(before):
            window.written, window.doubt = written, found

    def _heard(
        self, window: _Window, sounds: Sequence[np.ndarray], request: Request, *, words: bool
    ) -> Iterator[tuple[int, Heard]]:
        """Yield what was heard in each part of a window."""
        assert window.written is not None
        assert window.doubt is not None
        written = window.written
        if request.guarded and guard.is_silence(window.doubt):
            written = replace(written, ids=[])
        kept = guard.without_loops(written.ids) if request.guarded else list(range(len(written.ids)))
        by_part: dict[int, list[TimedWord]] = {}
        if written.weights is not None and kept:
            by_part = handed_out(self._timed(window, written, kept), window.spans, sounds)
        for span in window.spans:
            own = by_part.get(span.piece, [])
            if written.weights is None:
                text = self._tokenizer.decode([written.ids[position] for position in kept])
            else:
                text = "".join(word.text for word in own)
            sound = sounds[span.piece]
            if request.guarded and guard.is_invention(text) and guard.is_near_silence(sound):
                text, own = "", []
            shown = tuple(replace(word, text=" ".join(word.text.split())) for word in own if word.text.strip())
            yield span.piece, Heard(text.strip(), shown if words else (), window.language if text.strip() else "")

    def _timed(self, window: _Window, written: Written, kept: list[int]) -> list[TimedWord]:
        """Give the words of a window with their times in it."""
        assert written.weights is not None
        end = window.spans[-1].end / SAMPLE_RATE
        n_positions = min(written.weights.shape[2], max(1, round(end / FEATURE_S)))
        rows = [*kept, len(written.ids)]
        times = token_times(written.weights[:, rows, :n_positions], position_s=FEATURE_S)
        ids = [written.ids[position] for position in kept]
        return word_times(self._tokenizer.words(ids, window.language), times)

    def _threads(self) -> AbstractContextManager[None]:
        """Keep torch's threads from hindering the kernels that 8-bit weights run on."""
        return kernels.one_torch_thread() if self._compiled else nullcontext()


def load(folder: Path, name: str, *, device: str = "cpu", precision: Precision = "float32") -> Whisper:
    """Load a checkpoint as transformers keeps it.

    Args:
        name: what errors call it.
        precision: of the weights; "int8" for the CPU only.

    Raises:
        ModelError: If a file is missing, damaged or foreign.
        DeviceMemoryError: If the device has not enough memory.
    """
    with memory_watched(device):
        return Whisper(checkpoint.load(folder, device=device, precision=precision), name)


def _parts(samples: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the parts of a piece, none longer than a window, and where each begins; none for what holds no words."""
    begin = 0
    for end in [*cut_points(samples), len(samples)]:
        part = samples[begin:end]
        if len(part) >= MIN_SAMPLES and guard.level_db(part) > MIN_LEVEL_DB:
            yield begin, part
        begin = end


def _joined(parts: Sequence[tuple[int, Heard]]) -> Heard:
    """Put the parts of a piece together again, each with the sample it begins at."""
    if len(parts) == 1:
        return parts[0][1]
    language = next((heard.language for _, heard in parts if heard.language), "")
    space = "" if language in UNSPACED else " "
    words = [
        replace(word, start_s=word.start_s + offset / SAMPLE_RATE, end_s=word.end_s + offset / SAMPLE_RATE)
        for offset, heard in parts
        for word in heard.words
    ]
    return Heard(space.join(heard.text for _, heard in parts if heard.text), tuple(words), language)


def _rank(found: guard.Evidence) -> tuple[bool, float]:
    return not found.loops and found.compression <= guard.MAX_COMPRESSION, found.logprob
