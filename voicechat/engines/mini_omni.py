"""Mini-Omni, one model that hears and speaks: no recognizer, no synthesizer; each turn is on its own.

Knows when to work and what to tell the user. What the models are and how they run is `voicechat.models.mini_omni`'s
business; nothing of it is imported before it is loaded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from voicechat.engines.captions import Captions
from voicechat.errors import ConfigError, ModelError
from voicechat.models.device import Choice, DeviceMemoryError, choose
from voicechat.types import (
    CAPTURE_RATE,
    AudioChunk,
    AudioDelta,
    CancelToken,
    Message,
    Notice,
    ReplyEvent,
    Severity,
    TextDelta,
    UserTranscript,
)
from voicechat.utterance import Draft, Utterance

if TYPE_CHECKING:
    from voicechat.models.mini_omni.pipeline import Piece, Pipeline, Precision, Style

logger = logging.getLogger(__name__)

REQUIRES = {"torch": "models", "safetensors": "models", "tokenizers": "models"}
WEIGHTS = "mini-omni"  # what `voicechat models pull` calls them

SAMPLE_RATE = 24_000  # Hz, of the replies
MIN_SPEECH_S = 0.1  # what is shorter cannot be understood
SINGLE_TURNS = "Mini-Omni answers each turn on its own: it was trained on single turns and remembers none of them"


@dataclass(frozen=True)
class Options:
    device: str = "auto"  # cuda, cuda:1, mps or cpu; auto is the fastest that is there
    dtype: Literal["auto", "int8", "float32", "bfloat16", "float16"] = "auto"  # auto: int8 on the CPU, else float32
    weights: str = ""  # folder of the weights; "" for where `voicechat models pull` puts them
    show_my_words: bool = False  # write down what the user said, after the reply
    exact_encoder: bool = (
        True  # encode 30 s, as the model was trained; false: the speech and a margin, up to ten times faster
    )
    encoder_margin_s: float = 2.56  # of silence after the speech that an inexact encoder gets
    temperature: float = 0.0  # 0: always the likeliest token
    top_k: int = 0  # only the k likeliest; 0: all
    top_p: float = 1.0  # only the likeliest that together reach this probability
    seed: int = 0  # of sampling and of the breath in the voice; each reply begins with it
    max_reply_s: float = 40.0  # a reply is cut here


class MiniOmniEngine:
    """Answers speech with speech, working ahead in each pause of the user's."""

    def __init__(
        self,
        pipeline: Pipeline,
        options: Options = Options(),
        *,
        notices: Sequence[Notice] = (),
        load_on_cpu: Callable[[], Pipeline] | None = None,
    ) -> None:
        """Take the models.

        Args:
            notices: what to tell at the start of a talk, besides what holds for every one.
            load_on_cpu: loads the models again once the GPU's memory is full; None: that is an error.
        """
        self._pipeline = pipeline
        self._options = options
        self._style = _style(options)
        self._notices = tuple(notices)
        self._load_on_cpu = load_on_cpu
        # Serializes the move to the CPU between the sessions that find the GPU full.
        self._moving = threading.Lock()

    def notices(self) -> tuple[Notice, ...]:
        """Give what to show at the start of each talk."""
        told = (*self._notices, Notice(SINGLE_TURNS))
        if self._options.show_my_words:
            return told
        unheard = "what you say is not written down (--show-my-words does that), so Ctrl-C ends the talk, not a word"
        return (*told, Notice(unheard))

    def respond(
        self,
        utterance: Utterance,
        history: Sequence[Message],  # noqa: ARG002  (the model can make nothing of it)
    ) -> Generator[ReplyEvent, None, None]:
        """Yield the reply to this turn, whatever was said before.

        At each pause work begins as if the user had said all, up to the first sound; if they go on, it is dropped.

        Raises:
            ModelError: If a model fails.
        """
        for draft in utterance.drafts():
            with closing(self._reply(draft)) as reply:
                ahead = _until_sound(reply, draft)
                if draft.wait():
                    yield from ahead
                    yield from reply
                    return

    def respond_to_text(
        self,
        text: str,
        history: Sequence[Message],  # noqa: ARG002  (the model can make nothing of it)
        cancel: CancelToken,
    ) -> Generator[ReplyEvent, None, None]:
        """Yield the spoken reply to typed words, whatever was said before.

        Raises:
            ModelError: If a model fails.
        """
        pieces = self._pipeline.answer_text(text, self._style, lambda: cancel.cancelled)
        return self._spoken(pieces, lambda: cancel.cancelled)

    def close(self) -> None:
        """Nothing is open: the weights go with the engine."""

    def _reply(self, draft: Draft) -> Generator[ReplyEvent, None, None]:
        """Answer a draft; if the GPU is full, on the CPU."""
        pipeline = self._pipeline
        begun = False
        try:
            for event in self._answer(pipeline, draft):
                begun |= isinstance(event, TextDelta | AudioDelta)
                yield event
            return
        except DeviceMemoryError as error:
            notice = self._move_to_cpu(pipeline, error)
        yield notice
        if not begun:
            yield from self._answer(self._pipeline, draft)

    def _answer(self, pipeline: Pipeline, draft: Draft) -> Iterator[ReplyEvent]:
        duration_s = len(draft.audio) / CAPTURE_RATE
        if duration_s < MIN_SPEECH_S:
            yield Notice(f"{duration_s * 1000:.0f} ms of sound are too short to be understood", Severity.WARNING)
            return
        margin_s = None if self._options.exact_encoder else self._options.encoder_margin_s
        heard = pipeline.hear(draft.audio, margin_s=margin_s, stopped=lambda: draft.stale)
        if heard is None or draft.stale:
            return
        if heard.heard_s < heard.total_s:
            yield Notice(
                f"of your {heard.total_s:.1f} s only the first {heard.heard_s:.0f} s are heard: "
                "the model listens no longer",
                Severity.WARNING,
            )
        yield from self._spoken(pipeline.answer(heard.features, self._style, lambda: draft.stale), lambda: draft.stale)
        if self._options.show_my_words and not draft.stale:
            words = pipeline.words(heard.features, lambda: draft.stale)
            if not draft.stale:
                yield UserTranscript(words, final=True)

    def _spoken(self, pieces: Iterator[Piece], stopped: Callable[[], bool]) -> Generator[ReplyEvent, None, None]:
        """Turn the model's pieces into events, the words about when they are spoken."""
        captions = Captions()
        spoken_s = 0.0
        cut = False
        for piece in pieces:
            if stopped():
                return
            captions.write(piece.text)
            if words := captions.due(spoken_s):
                yield TextDelta(words)
            if len(piece.samples):
                chunk = AudioChunk(piece.samples, SAMPLE_RATE)
                spoken_s += chunk.duration_s
                yield AudioDelta(chunk)
            cut = piece.cut
        if stopped():
            return
        if words := captions.rest():
            yield TextDelta(words)
        if cut:
            yield Notice(f"the reply is cut after {spoken_s:.0f} s: it would not end", Severity.WARNING)

    def _move_to_cpu(self, full: Pipeline, error: DeviceMemoryError) -> Notice:
        """Load the models on the CPU, unless another session has done so."""
        if self._load_on_cpu is None:
            raise error
        with self._moving:
            if self._pipeline is full:
                self._pipeline = self._load_on_cpu()
                self._notices = (Notice(f"mini-omni runs on the CPU: {error}"),)
        return Notice(f"{error}; mini-omni goes on on the CPU", Severity.WARNING)


def load(_backend: Callable[[str], Any], options: Options) -> MiniOmniEngine:
    """Load the engine; it has no parts to choose.

    Raises:
        ConfigError: If an option cannot be, or the device is not there.
        ModelError: If a package or the weights are missing, or a file is damaged; the message says what to do.
    """
    _check(options)
    try:
        from voicechat.models import hub
        from voicechat.models.mini_omni import pipeline
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("voicechat"):
            raise
        raise ModelError(f"mini-omni needs the package {exc.name}; run: pip install 'voicechat[models]'") from exc
    choice = choose(options.device)
    folder = Path(options.weights).expanduser() if options.weights else hub.locate(WEIGHTS)

    def load_on(device: Choice) -> Pipeline:
        loaded = pipeline.load(folder, device=device.name, precision=_precision(options, device))
        loaded.warm_up()
        return loaded

    def load_on_cpu() -> Pipeline:
        return load_on(choose("cpu"))

    try:
        models = load_on(choice)
    except DeviceMemoryError as error:
        notice = Notice(f"mini-omni runs on the CPU: {error}", Severity.WARNING)
        return MiniOmniEngine(load_on_cpu(), options, notices=(notice,))
    notice = Notice(f"mini-omni runs on {_where(choice)}, {_precision(options, choice)}: {choice.reason}")
    return MiniOmniEngine(models, options, notices=(notice,), load_on_cpu=None if choice.is_cpu else load_on_cpu)


def _until_sound(reply: Iterable[ReplyEvent], draft: Draft) -> list[ReplyEvent]:
    """Take a reply up to its first sound, or until the user is known to have said all."""
    ahead: list[ReplyEvent] = []
    for event in reply:
        ahead.append(event)
        if isinstance(event, AudioDelta) or draft.final:
            break
    return ahead


def _check(options: Options) -> None:
    limits = {
        "encoder_margin_s": (0.0, 30.0),
        "temperature": (0.0, 10.0),
        "top_k": (0, 1_000_000),
        "top_p": (0.0, 1.0),
        "seed": (0, 2**31 - 1),
        "max_reply_s": (1.0, 120.0),
    }
    for name, (low, high) in limits.items():
        value = getattr(options, name)
        if not low <= value <= high:
            raise ConfigError(f"engine.mini-omni.{name} must be from {low} to {high}, not {value}")


def _precision(options: Options, device: Choice) -> Precision:
    if options.dtype == "int8" and not device.is_cpu:
        raise ConfigError(f"dtype int8 is for the CPU, not for {device.name}; use --device cpu or another --dtype")
    if options.dtype == "auto":
        return "int8" if device.is_cpu else "float32"
    return options.dtype


def _where(device: Choice) -> str:
    return "the CPU" if device.is_cpu else device.name


def _style(options: Options) -> Style:
    from voicechat.models.mini_omni.generate import Sampling
    from voicechat.models.mini_omni.pipeline import Style

    sampling = Sampling(options.temperature, options.top_k, options.top_p, options.seed)
    return Style(sampling, max_reply_s=options.max_reply_s, noise_seed=options.seed)
