"""The built-in recognizer: pocketsphinx, decoding while the user speaks; English, no download.

Knows the options, how to serve several calls at once, and when to tell what was understood so far. The decoding itself
is in `_decoders.py`, that of the pieces of a file in `_piece_decoders.py`, what people say to an assistant in
`_phrases.txt`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voicechat.asr._decoders import BATCH_SAMPLES, Decoders, Models
from voicechat.asr._piece_decoders import PieceDecoders
from voicechat.errors import ConfigError, ModelError
from voicechat.types import Recognized, Transcript

logger = logging.getLogger(__name__)

BATCHES_PER_PARTIAL = 3
MAX_PIECE_S = 20.0  # at the end of a piece this long, all else in this process waits for about a second
MAX_SPARE = 2  # sets of decoders kept for the next call; more exist only while more calls are under way
BUILT_IN, NONE = "built-in", "none"
PHRASES = Path(__file__).with_name("_phrases.txt")


@dataclass(frozen=True)
class Options:
    """What `[asr.pocketsphinx]` holds."""

    acoustic_model: str = ""  # folder of another acoustic model; "" for the built-in US English
    dictionary: str = ""  # file of another pronunciation dictionary
    language_model: str = ""  # file of another language model
    phrases: str = BUILT_IN  # file of phrases to expect, one per line; "built-in" for an assistant's, "none" for none
    language_weight: float = 6.5  # how much the language models count against the sound; 1 to 20
    max_active: int = 3000  # how many hypotheses are followed at once; more is slower and hardly better


class PocketsphinxTranscriber:
    """Recognize speech as it comes, any number of utterances at once, from any thread.

    Each call under way has decoders of its own (about 110 MB); they are kept for the next.

    Attributes:
        max_piece_s, batch_size, tells_words: see BatchTranscriber.
    """

    max_piece_s = MAX_PIECE_S
    batch_size = 1
    tells_words = True

    def __init__(self, models: Models) -> None:
        """Load the first set of decoders, which takes about a second.

        Raises:
            ModelError: If the models cannot be loaded.
        """
        self._models = models
        # Serializes those below between the threads that transcribe and close().
        self._lock = threading.Lock()
        self._spare = [models.decoders()]
        self._spare_for_pieces: list[PieceDecoders] = []
        self._closed = False

    def transcribe(self, frames: Iterable[np.ndarray]) -> Generator[Transcript, None, None]:
        """Yield what was understood so far whenever it has changed, then the final transcript.

        How the audio is cut into frames makes no difference, and no call knows anything of those before it.

        Raises:
            ModelError: If the transcriber is closed, or further decoders are needed and cannot be loaded.
        """
        decoders = self._take()
        shown = ""
        try:
            decoders.start()
            for n, batch in enumerate(_batches(frames), 1):
                decoders.feed(np.clip(np.nan_to_num(batch), -1, 1))
                if n % BATCHES_PER_PARTIAL == 0 and (words := decoders.words()) and words != shown:
                    shown = words
                    yield Transcript(words)
            yield Transcript(decoders.finish(), final=True)
        finally:
            decoders.abandon()
            self._give_back(decoders)

    def transcribe_pieces(self, pieces: Sequence[np.ndarray], *, words: bool = False) -> list[Recognized]:  # noqa: ARG002
        """Give the words of each piece, float32 (n,) at 16 kHz, in order; their times cost nothing.

        Raises:
            ModelError: If the transcriber is closed, or the decoders cannot be loaded.
        """
        decoders = self._take_for_pieces()
        try:
            return [decoders.recognize(piece) for piece in pieces]
        finally:
            with self._lock:
                if not self._closed and len(self._spare_for_pieces) < MAX_SPARE:
                    self._spare_for_pieces.append(decoders)

    def close(self) -> None:
        """Release the models; a call under way goes on to its end. Idempotent, from any thread."""
        with self._lock:
            self._closed = True
            self._spare.clear()
            self._spare_for_pieces.clear()

    def _take(self) -> Decoders:
        with self._lock:
            if self._closed:
                raise ModelError("pocketsphinx is closed")
            if self._spare:
                return self._spare.pop()
        return self._models.decoders()

    def _take_for_pieces(self) -> PieceDecoders:
        with self._lock:
            if self._closed:
                raise ModelError("pocketsphinx is closed")
            if self._spare_for_pieces:
                return self._spare_for_pieces.pop()
            self._spare.clear()  # who transcribes files holds no talk; half the memory
        return PieceDecoders(self._models)

    def _give_back(self, decoders: Decoders) -> None:
        with self._lock:
            if not self._closed and len(self._spare) < MAX_SPARE:
                self._spare.append(decoders)


def load(options: Options) -> PocketsphinxTranscriber:
    """Load the models.

    Raises:
        ConfigError: If a file is missing, or a number is out of range.
        ModelError: If pocketsphinx is not installed, or cannot load the models.
    """
    if not 1 <= options.language_weight <= 20:
        raise ConfigError(
            f"[asr.pocketsphinx] language_weight must be between 1 and 20, not {options.language_weight:g}"
        )
    if not 100 <= options.max_active <= 100_000:
        raise ConfigError(f"[asr.pocketsphinx] max_active must be between 100 and 100000, not {options.max_active}")
    try:
        import pocketsphinx
    except ImportError as exc:
        raise ModelError("pocketsphinx needs the package pocketsphinx; run: pip install voicechat") from exc
    built_in = Path(pocketsphinx.get_model_path("en-us"))
    models = Models(
        acoustic_model=_path("acoustic_model", options.acoustic_model, built_in / "en-us"),
        dictionary=_path("dictionary", options.dictionary, built_in / "cmudict-en-us.dict"),
        language_model=_path("language_model", options.language_model, built_in / "en-us.lm.bin"),
        phrases=_phrases(options),
        language_weight=options.language_weight,
        max_active=options.max_active,
    )
    started_at = time.monotonic()
    transcriber = PocketsphinxTranscriber(models)
    logger.info("pocketsphinx loaded in %.2f s", time.monotonic() - started_at)
    return transcriber


def _path(name: str, configured: str, built_in: Path) -> Path:
    path = Path(configured).expanduser() if configured else built_in
    if not path.exists():
        raise ConfigError(f"[asr.pocketsphinx] {name}: no such file or folder: {str(path)!r}")
    return path


def _phrases(options: Options) -> str:
    # The built-in phrases are English; another dictionary may not be.
    if options.phrases == NONE or (options.phrases == BUILT_IN and options.dictionary):
        return ""
    path = PHRASES if options.phrases == BUILT_IN else Path(options.phrases).expanduser()
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"[asr.pocketsphinx] phrases: cannot read {str(path)!r}: {exc}") from exc


def _batches(frames: Iterable[np.ndarray]) -> Generator[np.ndarray, None, None]:
    """Cut audio into pieces of BATCH_SAMPLES, the last one shorter, so that a run does not depend on the frames."""
    held: list[np.ndarray] = []
    n_held = 0
    for frame in frames:
        held.append(frame)
        n_held += len(frame)
        if n_held >= BATCH_SAMPLES:
            samples = np.concatenate(held)
            whole = n_held - n_held % BATCH_SAMPLES
            for start in range(0, whole, BATCH_SAMPLES):
                yield samples[start : start + BATCH_SAMPLES]
            held, n_held = [samples[whole:]], n_held - whole
    if n_held:
        yield np.concatenate(held)
