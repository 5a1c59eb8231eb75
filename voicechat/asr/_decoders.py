"""pocketsphinx's decoders, as one recognizer: samples in, words out.

The loudness and the colour of a voice (its mean cepstrum) must be known before it can be decoded, and pocketsphinx
alone takes them from the utterance before. Here they are measured on the utterance itself: decoding begins
when 0.8 s have been heard, and begins anew, with a better estimate, each time as much again has been heard.

Two decoders hear the same: one expects any English, the other phrases; whose words explain the sound better is
believed. Knows nothing of threads and turns.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from voicechat.asr._phrase_model import arpa
from voicechat.errors import ModelError

logger = logging.getLogger(__name__)

BATCH_SAMPLES = 1600  # 0.1 s, decoded at once: pocketsphinx keeps the GIL meanwhile, for some 20 ms
FIRST_ESTIMATE_BATCHES = 8
LAST_ESTIMATE_BATCHES = 64  # later it hardly changes, and pocketsphinx follows it by itself
NOISE = 10 ** (-38 / 20)  # of what is mixed in, relative to the loudest batch
WEIGHTS = (1.0, 1.2)  # of how well any English, and the phrases, explain the sound; measured
# The phrases are few, so more of them can be followed, and what they expect is worth more; measured.
PHRASE_SETTINGS = {
    "beam": 1e-60,
    "pbeam": 1e-60,
    "wbeam": 1e-40,
    "lpbeam": 1e-50,
    "lponlybeam": 1e-40,
    "lw": 10.0,
    "fwdflatlw": 12.0,
    "bestpathlw": 13.0,
}
N_GENERAL_WORDS = 3000  # of the general language model, that may stand wherever a phrase has a gap

_NOT_WORDS = re.compile(r"\([0-9]+\)|<[^>]*>|\[[^\]]*\]|\+\+[^+]*\+\+")  # variants of pronunciation, fillers


@dataclass
class Models:
    """What decoders are made of, and the one who makes them."""

    acoustic_model: Path  # folder
    dictionary: Path
    language_model: Path
    phrases: str  # in the form of `_phrases.txt`; "" for none
    language_weight: float
    max_active: int
    _phrase_files: Mapping[str, str] | None = None  # language model and dictionary, once they have been made

    def decoders(self) -> Decoders:
        """Load a set of decoders.

        Raises:
            ConfigError: If the phrases are not in their form.
            ModelError: If a model is none, or does not fit the others.
        """
        return Decoders(*self.searches())

    def searches(self, **settings: Any) -> tuple[list[Any], Any]:
        """Load pocketsphinx's decoders.

        Args:
            settings: of the first, besides its own.

        Returns:
            Those that search, for any English and, if there are any, for phrases; and one for measuring cepstra only.

        Raises:
            ConfigError: If the phrases are not in their form.
            ModelError: If a model is none, or does not fit the others.
        """
        try:
            searches = [self._decoder(lm=str(self.language_model), dict=str(self.dictionary), **settings)]
            if self.phrases:
                # Should two threads come here at once, both make the same.
                self._phrase_files = self._phrase_files or self._make_phrase_files(searches[0])
                searches.append(self._decoder_of(self._phrase_files, **PHRASE_SETTINGS))
            return searches, self._measurer()
        except (RuntimeError, ValueError, OSError) as exc:
            raise ModelError(
                f"pocketsphinx cannot load {self.acoustic_model} with {self.language_model}: {exc}"
            ) from exc

    def _decoder(self, **settings: Any) -> Any:
        from pocketsphinx import Decoder

        common = {
            "hmm": str(self.acoustic_model),
            "lw": self.language_weight,
            "maxhmmpf": self.max_active,
            "maxwpf": 10,  # ends of words in one frame; halves the time at no cost
            "loglevel": "FATAL",
        }
        return Decoder(**common | settings)

    def _decoder_of(self, contents: Mapping[str, str], **settings: Any) -> Any:
        """Load a decoder some of whose files exist as texts only."""
        with TemporaryDirectory(prefix="voicechat-") as folder:
            for name, text in contents.items():
                Path(folder, name).write_text(text, "utf-8")
                settings[name] = str(Path(folder, name))
            return self._decoder(**settings)

    def _make_phrase_files(self, general: Any) -> dict[str, str]:
        """Make a model that expects the phrases and, in their gaps, the commonest words of another's model."""
        pronunciations: dict[str, list[str]] = {}  # word -> its lines
        for line in self.dictionary.read_text("utf-8").splitlines():
            pronunciations.setdefault(_word(line), []).append(line)
        language_model = general.get_lm()
        logs = {word: language_model.prob([word]) for word in pronunciations}
        common = sorted(logs, key=lambda word: -logs[word])[:N_GENERAL_WORDS]
        model = arpa(self.phrases, {word: general.logmath.exp(logs[word]) for word in common})
        words = re.findall(r"^-?[0-9.]+ (\S+)", model.partition("\\2-grams:")[0], re.MULTILINE)
        unknown = [word for word in words if word not in pronunciations and word not in ("<s>", "</s>")]
        if unknown:
            logger.warning("not in the dictionary, so never recognized: %s", " ".join(unknown))
        return {"lm": model, "dict": "\n".join(line for word in words for line in pronunciations.get(word, []))}

    def _measurer(self) -> Any:
        """Load a decoder that knows a single word: for measuring cepstra only, which makes it fast."""
        with self.dictionary.open(encoding="utf-8") as lines:
            line = next((line for line in lines if _word(line).isalpha()), "")
        decoder = self._decoder_of({"dict": line}, lm=None)
        decoder.add_jsgf_string("one", f"#JSGF V1.0; grammar one; public <one> = {_word(line)};")
        decoder.activate_search("one")
        return decoder


class Decoders:
    """Decode one utterance at a time: start(), feed() as it grows, finish() or abandon()."""

    def __init__(self, searches: list[Any], measurer: Any) -> None:
        self._searches = searches  # any English, then the phrases, if there are any
        self._measurer = measurer
        # Silence as it comes from a synthesizer or a noise gate has no spectrum, which spoils the words beside it: of
        # clean synthetic speech, 41 % of the words were wrong without this noise, 6 % with it.
        self._noise = np.random.default_rng(0).standard_normal(10 * BATCH_SAMPLES).astype(np.float32)
        self._noise_gain = 0.0
        self._batches: list[np.ndarray] = []  # the utterance so far
        self._n_decoded = 0  # batches
        self._estimate_at: float = FIRST_ESTIMATE_BATCHES
        self._decoding = False

    def start(self) -> None:
        """Begin an utterance, of which nothing was heard yet."""
        self.abandon()
        for decoder in (*self._searches, self._measurer):
            decoder.reinit_feat()  # forgets the noise of the utterance before
        self._batches.clear()
        self._estimate_at = FIRST_ESTIMATE_BATCHES

    def feed(self, batch: np.ndarray) -> None:
        """Decode on.

        Args:
            batch: float32 (BATCH_SAMPLES,) at 16 kHz, in [-1, 1]; only the last of an utterance may be shorter.
        """
        self._batches.append(batch)
        if len(self._batches) >= self._estimate_at:
            self._begin()
            self._estimate_at *= 2 if self._estimate_at < LAST_ESTIMATE_BATCHES else math.inf
        if self._decoding:
            self._decode()

    def words(self) -> str:
        """Give what was understood so far."""
        return self._best() if self._decoding else ""  # or it would be what was said before

    def finish(self) -> str:
        """Decode to the end, and give what was understood."""
        if not self._batches or len(self._batches[0]) < BATCH_SAMPLES:
            return ""  # no word is that short, and pocketsphinx fails on no audio
        if not self._decoding:
            self._begin()
            self._decode()
        self._end()
        return self._best()

    def abandon(self) -> None:
        """Forget the utterance."""
        if self._decoding:
            self._end()

    def _begin(self) -> None:
        """Begin to decode, from the first sample, with what is known of the voice by now."""
        if self._decoding:
            self._end()
        self._noise_gain = NOISE * max(float(np.sqrt(np.mean(batch**2))) for batch in self._batches)
        mean = self._mean()
        for search in self._searches:
            search.set_cmn(mean)
            search.start_utt()
        self._decoding = True
        self._n_decoded = 0

    def _decode(self) -> None:
        for pcm in self._pcm(self._n_decoded):
            for search in self._searches:
                search.process_raw(pcm)
        self._n_decoded = len(self._batches)

    def _pcm(self, first: int) -> Iterator[bytes]:
        """Yield the batches from `first` on as pocketsphinx takes them: 16 bits, never quite silent."""
        for index, batch in enumerate(self._batches[first:], first):
            start = index * BATCH_SAMPLES % len(self._noise)
            noisy = batch + self._noise_gain * self._noise[start : start + len(batch)]
            yield (np.clip(noisy, -1, 1) * 32767).astype("<i2").tobytes()

    def _end(self) -> None:
        for search in self._searches:
            search.end_utt()
        self._decoding = False

    def _mean(self) -> str:
        self._measurer.start_utt()
        self._measurer.process_raw(b"".join(self._pcm(0)), no_search=True, full_utt=True)
        mean = str(self._measurer.get_cmn())
        self._measurer.end_utt()
        return mean

    def _best(self) -> str:
        """Give the words of the search that explains the sound best."""
        found = [
            (hyp, weight) for search, weight in zip(self._searches, WEIGHTS, strict=False) if (hyp := search.hyp())
        ]
        best, _ = max(found, key=lambda each: float(each[0].best_score) * each[1], default=(None, 0.0))
        return plain_words(best.hypstr) if best else ""


def plain_words(text: str) -> str:
    """Give the words of what pocketsphinx has found, without its marks of variants, silence and noise."""
    return " ".join(_NOT_WORDS.sub("", text).split())


def _word(line: str) -> str:
    """Give the word of a line in a dictionary, without the number of its variant."""
    return line.partition(" ")[0].partition("(")[0]
