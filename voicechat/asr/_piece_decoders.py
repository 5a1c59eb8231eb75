"""pocketsphinx's decoders for whole pieces of a file: samples in, words with their times out.

All of a piece is there before it is decoded, so its loudness and its mean cepstrum are measured first, and the search
may be wider than in a talk, where somebody waits. Knows nothing of files.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from voicechat.asr._decoders import BATCH_SAMPLES, Models, plain_words
from voicechat.types import CAPTURE_RATE, Recognized, Word

# Measured on ten recordings of five speakers, and those faster, slower, with noise and with echoes: 4 % fewer errors
# than pocketsphinx's own settings make, in less time.
SETTINGS = {"maxhmmpf": 10_000, "maxwpf": 20, "wip": 0.3}
LANGUAGE_WEIGHT = 1.12  # of what it is in a talk
NOISE = 10 ** (
    -46 / 20
)  # of what is mixed in, relative to the loudest batch: digital silence spoils the words beside it
PAD_S = 0.1  # of that noise before and behind a piece
PHRASE_S = 5.0  # the longest piece in which phrases are looked for: it is questions and commands that are
WEIGHTS = (1.0, 1.15)  # of how well any English, and the phrases, explain the sound; measured
FRAMES_PER_S = 100


class PieceDecoders:
    """Decode one piece at a time."""

    def __init__(self, models: Models) -> None:
        """Load the decoders.

        Raises:
            ConfigError: If the phrases are not in their form.
            ModelError: If a model is none, or does not fit the others.
        """
        self._searches, self._measurer = models.searches(lw=models.language_weight * LANGUAGE_WEIGHT, **SETTINGS)
        self._noise = np.random.default_rng(0).standard_normal(10 * BATCH_SAMPLES).astype(np.float32)

    def recognize(self, samples: np.ndarray) -> Recognized:
        """Give the words of float32 (n,) at 16 kHz, and when each is spoken."""
        if len(samples) < BATCH_SAMPLES:
            return Recognized("")  # no word is that short
        pcm = self._pcm(np.clip(np.nan_to_num(samples), -1, 1))
        self._measurer.reinit_feat()
        self._measurer.start_utt()
        self._measurer.process_raw(pcm, no_search=True, full_utt=True)
        mean = str(self._measurer.get_cmn())
        self._measurer.end_utt()
        best, best_score = None, 0.0
        n_searches = 1 if len(samples) > PHRASE_S * CAPTURE_RATE else len(self._searches)
        for search, weight in zip(self._searches[:n_searches], WEIGHTS, strict=False):
            score = self._search(search, pcm, mean) * weight
            if score > best_score:
                best, best_score = search, score
        return Recognized("") if best is None else _recognized(best)

    def _search(self, search: Any, pcm: bytes, mean: str) -> float:
        """Decode, and give how well what was found explains the sound, 0 if nothing was."""
        search.reinit_feat()  # forgets the piece before
        search.set_cmn(mean)
        search.start_utt()
        # Bit by bit, or nothing else would happen in this process meanwhile, not even Ctrl-C.
        for start in range(0, len(pcm), 2 * BATCH_SAMPLES):
            search.process_raw(pcm[start : start + 2 * BATCH_SAMPLES])
        search.end_utt()
        hypothesis = search.hyp()
        return float(hypothesis.best_score) if hypothesis else 0.0

    def _pcm(self, samples: np.ndarray) -> bytes:
        """Give a piece as pocketsphinx takes it: 16 bits, never quite silent, with a margin."""
        padded = np.pad(samples, round(PAD_S * CAPTURE_RATE))
        n_batches = len(samples) // BATCH_SAMPLES
        batches = samples[: n_batches * BATCH_SAMPLES].reshape(n_batches, BATCH_SAMPLES)
        loudest = float(np.sqrt(np.mean(batches**2, axis=1).max()))
        noisy = padded + NOISE * loudest * np.resize(self._noise, len(padded))
        pcm: bytes = (np.clip(noisy, -1, 1) * 32767).astype("<i2").tobytes()
        return pcm


def _recognized(search: Any) -> Recognized:
    words = []
    for segment in search.seg():
        text = plain_words(segment.word)
        if text:
            start_s = segment.start_frame / FRAMES_PER_S - PAD_S
            end_s = (segment.end_frame + 1) / FRAMES_PER_S - PAD_S
            words.append(Word(text, max(0.0, start_s), max(0.0, end_s)))
    return Recognized(" ".join(word.text for word in words), tuple(words))
