"""What Whisper invents: whether a text can be trusted, by how likely it was, how it repeats itself, what it says.

Pure: numbers, ids and text in, verdicts out. The limits of likelihood and compression are the paper's (arXiv
2212.04356, section 4.5); the phrases are those of its training data's subtitles, which it says when it hears nothing.
"""

from __future__ import annotations

import math
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

MAX_COMPRESSION = 2.4  # a text that zlib makes smaller than that repeats itself
MIN_LOGPROB = -1.0  # of a token on average; less is guessing
MAX_NO_SPEECH = 0.6  # likelier than that, and guessing: nobody speaks
NEAR_SILENCE_DB = -50.0  # RMS of the loudest 100 ms against full scale; speech at a metre is 20 dB above
MAX_LOOP_IDS = 40  # the longest phrase whose repetition is looked for
_LEVEL_SAMPLES = 1600  # 100 ms

# Some are also said by people, so no text is dropped for them alone.
INVENTIONS = """
you
bye
bye bye
thank you
thank you very much
thank you so much
thank you for watching
thank you so much for watching
thanks for watching
thanks for listening
thank you for listening
please subscribe
please subscribe to my channel
please like and subscribe
like and subscribe
don't forget to like and subscribe
see you next time
see you in the next video
i'll see you in the next video
subtitles by the amara.org community
subtitles by amara.org
transcription by castingwords
transcribed by https://otter.ai
untertitel der amara.org community
untertitel im auftrag des zdf für funk 2017
untertitelung aufgrund der amara.org community
untertitelung des zdf 2020
vielen dank
vielen dank fürs zuschauen
das war's für heute
sous-titres réalisés par la communauté d'amara.org
sous-titrage société radio-canada
merci
merci d'avoir regardé cette vidéo
subtítulos realizados por la comunidad de amara.org
subtítulos por la comunidad de amara.org
gracias por ver el video
gracias
sottotitoli creati dalla comunità amara.org
sottotitoli e revisione a cura di qtss
grazie per aver guardato il video
legendas pela comunidade amara.org
legenda adriana zanotto
obrigado por assistir
ondertitels ingediend door de amara.org gemeenschap
ondertiteling nederlandse publieke omroep
napisy stworzone przez społeczność amara.org
dziękuję za uwagę
субтитры сделал dimatorzok
субтитры создавал dimatorzok
редактор субтитров а.семкин корректор а.егорова
продолжение следует
спасибо за просмотр
altyazı m.k.
izlediğiniz için teşekkür ederim
ご視聴ありがとうございました
ご清聴ありがとうございました
最後までご視聴いただきありがとうございます
字幕由amara.org社区提供
谢谢观看
謝謝觀看
请不吝点赞订阅转发打赏支持明镜与点点栏目
시청해주셔서 감사합니다
구독과 좋아요 부탁드립니다
mbc 뉴스 이덕영입니다
شكرا للمشاهدة
ترجمة نانسي قنقر
"""


@dataclass(frozen=True)
class Evidence:
    """What the decoder knows of a text it wrote."""

    logprob: float  # of a token on average, natural logarithm
    no_speech: float  # how likely it is that nobody speaks
    compression: float  # of the text
    loops: bool


def evidence(text: str, ids: Sequence[int], *, logprob: float, no_speech: float) -> Evidence:
    """Gather what speaks for and against a text."""
    return Evidence(logprob, no_speech, compression(text), len(without_loops(ids)) < len(ids))


def is_silence(found: Evidence) -> bool:
    """Tell whether nobody spoke: the model thinks so, and its text is a guess."""
    return found.no_speech > MAX_NO_SPEECH and found.logprob < MIN_LOGPROB


def is_doubtful(found: Evidence) -> bool:
    """Tell whether a text is worth another try: it repeats itself, or it is a guess."""
    return found.loops or found.compression > MAX_COMPRESSION or found.logprob < MIN_LOGPROB


def is_invention(text: str) -> bool:
    """Tell whether a text is all of what Whisper says when it hears nothing."""
    return _bare(text) in _inventions()


def is_near_silence(samples: np.ndarray) -> bool:
    """Tell whether even the loudest 100 ms of a piece, float32 (n,) at 16 kHz, hold next to nothing."""
    return level_db(samples) < NEAR_SILENCE_DB


def level_db(samples: np.ndarray) -> float:
    """Give the RMS of the loudest 100 ms against full scale, in dB; -inf for digital silence or nothing."""
    power = np.square(samples, dtype=np.float64)
    n_whole = len(power) // _LEVEL_SAMPLES * _LEVEL_SAMPLES
    parts = [power[:n_whole].reshape(-1, _LEVEL_SAMPLES).mean(1)] if n_whole else []
    if len(power) > n_whole:
        parts.append(np.array([power[n_whole:].sum() / _LEVEL_SAMPLES]))
    loudest = max((float(part.max()) for part in parts), default=0.0)
    return 10 * math.log10(loudest) if loudest > 0 else -math.inf


def compression(text: str) -> float:
    """Give how many times smaller zlib makes a text; 0 for none."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def without_loops(ids: Sequence[int]) -> list[int]:
    """Give the positions of ids that are left when a phrase that is said over and over is said once.

    Up to three times is how people speak, and so are a few more of a short word ("no no no no"): from 24 ids on it is
    a loop.
    """
    kept: list[int] = []
    position = 0
    while position < len(ids):
        length, n_rounds = _loop(ids, position)
        if n_rounds:
            kept.extend(range(position, position + length))
            position += length * n_rounds
        else:
            kept.append(position)
            position += 1
    return kept


def _loop(ids: Sequence[int], begin: int) -> tuple[int, int]:
    """Give how long the phrase is that is said over and over from `begin` on, and how often; 0 if none is."""
    for length in range(1, min(MAX_LOOP_IDS, (len(ids) - begin) // 4) + 1):
        n_rounds = 1
        phrase = ids[begin : begin + length]
        while ids[begin + n_rounds * length : begin + (n_rounds + 1) * length] == phrase:
            n_rounds += 1
        if n_rounds >= 4 and n_rounds * length >= 24:
            return length, n_rounds
    return 0, 0


@cache
def _inventions() -> frozenset[str]:
    return frozenset(map(_bare, INVENTIONS.strip().splitlines()))


def _bare(text: str) -> str:
    """Leave letters and digits only: how it is spelled and punctuated makes no difference."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in plain if unicodedata.category(character)[0] in "LNM")
