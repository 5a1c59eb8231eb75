from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.errors import ConfigError, ModelError
from voicechat.tts import _espeak_process, espeak
from voicechat.tts.espeak import EspeakSynthesizer, Options

ROOT = Path(__file__).parent.parent.parent
TIMEOUT_S = 10
SENTENCE = "It is a quarter past five."


@pytest.fixture(scope="module")
def voice() -> Iterator[EspeakSynthesizer]:
    with closing(espeak.load(Options())) as synthesizer:
        yield synthesizer


def speech(synthesizer: EspeakSynthesizer, text: str) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *(chunk.samples for chunk in synthesizer.synthesize(text))])


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two recordings are of the same text: the voice trembles a little, and never twice the same way."""
    n = min(len(a), len(b))
    loudness = [np.sqrt([np.mean(part**2) for part in np.array_split(each[:n], 1 + n // 1102)]) for each in (a, b)]
    return abs(len(a) - len(b)) < 0.02 * 22_050 and bool(np.corrcoef(loudness)[0, 1] > 0.95)


def process_ids(synthesizer: EspeakSynthesizer) -> list[int]:
    return [each._popen.pid for each in synthesizer._running]


def test_speech_is_sound_at_the_rate_it_says(voice: EspeakSynthesizer):
    chunks = list(voice.synthesize(SENTENCE))

    assert {chunk.sample_rate for chunk in chunks} == {22_050}
    assert all(chunk.samples.dtype == np.float32 and len(chunk.samples) for chunk in chunks)
    assert 1.0 < sum(chunk.duration_s for chunk in chunks) < 3.0
    assert 0.1 < max(np.abs(chunk.samples).max() for chunk in chunks) <= 1.0


def test_more_words_take_longer(voice: EspeakSynthesizer):
    lengths = [len(speech(voice, "one two three " * n)) for n in (1, 2, 4, 8)]

    assert lengths == sorted(set(lengths))


def test_the_same_text_sounds_the_same(voice: EspeakSynthesizer):
    first = speech(voice, SENTENCE)
    speech(voice, "something else")

    assert alike(speech(voice, SENTENCE), first)
    assert not alike(speech(voice, SENTENCE.replace("five", "nine")), first)


def test_options_change_the_voice(voice: EspeakSynthesizer):
    plain = speech(voice, SENTENCE)
    with (
        closing(espeak.load(Options(speed_wpm=300))) as fast,
        closing(espeak.load(Options(volume=30))) as quiet,
        closing(espeak.load(Options(voice="de+f3", pitch=90))) as german,
    ):
        assert len(speech(fast, SENTENCE)) < 0.8 * len(plain)
        assert np.abs(speech(quiet, SENTENCE)).max() < 0.5 * np.abs(plain).max()
        assert not np.array_equal(speech(german, SENTENCE), plain)


def test_sound_begins_at_once_and_ends_with_a_short_pause(voice: EspeakSynthesizer):
    samples = speech(voice, SENTENCE)
    loud = np.flatnonzero(np.abs(samples) > espeak.LOUD)

    assert loud[0] <= espeak.LEAD_IN_S * 22_050
    assert len(samples) - loud[-1] - 1 == round(espeak.PAUSE_S * 22_050)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\0", "\x1b\x07"])
def test_a_text_without_words_is_silent(voice: EspeakSynthesizer, text: str):
    assert not list(voice.synthesize(text))


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("hello\0there", "hello there"),
        ("hello\x0150Pthere", "hello 50Pthere"),  # espeak's own embedded command
        ("hello \ud800 there", "hello there"),
    ],
)
def test_what_is_no_text_is_dropped(voice: EspeakSynthesizer, text: str, same_as: str):
    assert alike(speech(voice, text), speech(voice, same_as))


def test_markup_is_data(voice: EspeakSynthesizer):
    assert len(speech(voice, "<break time='3s'/> hello")) > 1.3 * len(speech(voice, "hello"))
    assert not np.array_equal(speech(voice, "[[h@l'oU]]"), speech(voice, "hello"))


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_leaves_the_voice_as_it_was(voice: EspeakSynthesizer, text: str):
    speech(voice, text)

    assert len(speech(voice, "yes")) > 1000


@given(st.text(max_size=3000))
def test_pieces_hold_all_the_words_and_are_short(text: str):
    pieces = list(espeak._pieces(text))

    printable = "".join(c for c in text if c.isprintable() and not c.isspace())
    assert "".join(c for c in "".join(pieces) if c.isprintable() and not c.isspace()) == printable
    assert all(0 < len(piece) <= espeak.MAX_TEXT_CHARS for piece in pieces)


def test_a_long_text_is_spoken_to_its_end(voice: EspeakSynthesizer):
    once = len(speech(voice, "number one hundred"))

    assert len(speech(voice, "number one hundred " * 60)) > 40 * once


def test_a_reply_that_is_stopped_early_leaves_nothing_for_the_next(voice: EspeakSynthesizer):
    expected = speech(voice, SENTENCE)
    for n_chunks in (0, 1, 3):
        stopped = voice.synthesize("This goes on and on, and nobody listens to it. " * 5)
        for _ in range(n_chunks):
            next(stopped)
        stopped.close()

        assert alike(speech(voice, SENTENCE), expected)


def test_two_replies_at_once_do_not_mix(voice: EspeakSynthesizer):
    texts = ["The first reply is this one.", "Quite another reply is that one."]
    expected = [speech(voice, text) for text in texts]

    alternately = itertools.zip_longest(*(voice.synthesize(text) for text in texts))
    chunks = zip(*alternately, strict=True)

    for heard, alone in zip(chunks, expected, strict=True):
        assert alike(np.concatenate([chunk.samples for chunk in heard if chunk]), alone)


def test_many_threads_share_one_voice():
    with closing(espeak.load(Options())) as shared:
        expected = speech(shared, SENTENCE)
        heard: list[np.ndarray] = []
        threads = [threading.Thread(target=lambda: heard.append(speech(shared, SENTENCE))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT_S)

        assert len(heard) == 8
        assert all(alike(samples, expected) for samples in heard)
        assert len(process_ids(shared)) <= espeak.MAX_SPARE_PROCESSES


def test_a_voice_that_was_killed_is_started_again():
    with closing(espeak.load(Options())) as synthesizer:
        expected = speech(synthesizer, SENTENCE)
        (before,) = process_ids(synthesizer)
        os.kill(before, signal.SIGTERM)

        assert alike(speech(synthesizer, SENTENCE), expected)
        assert process_ids(synthesizer) != [before]


def test_a_voice_that_is_killed_within_a_sentence_goes_on_where_it_was():
    text = "one two three four five six seven eight nine ten " * 8
    with closing(espeak.load(Options())) as synthesizer:
        expected = speech(synthesizer, text)
        reply = synthesizer.synthesize(text)
        first = next(reply).samples
        for each in list(synthesizer._running):
            each._popen.kill()
            each._popen.wait(TIMEOUT_S)

        rest = [chunk.samples for chunk in reply]

    assert alike(np.concatenate([first, *rest]), expected)


def test_a_voice_that_dies_twice_is_an_error(monkeypatch: pytest.MonkeyPatch):
    with closing(espeak.load(Options())) as synthesizer:
        monkeypatch.setattr(espeak._Process, "speak", dies)

        with pytest.raises(ModelError, match="died twice"):
            speech(synthesizer, SENTENCE)


def dies(self: object, text: str, options: Options) -> Iterator[np.ndarray]:
    raise espeak._Died
    yield


def test_every_voice_that_is_told_can_be_had(voice: EspeakSynthesizer):
    (speaker, *_) = voice._running
    languages = speaker.languages()

    assert len(languages) > 100
    for language in languages:
        list(speaker.speak("", Options(voice=language)))  # or it raises


def test_a_language_is_a_voice_with_its_variants():
    sounds = []
    for name in ("en-us", "en-gb", "EN-GB", "en-gb+f3"):
        with closing(espeak.load(Options(voice=name))) as synthesizer:
            sounds.append(speech(synthesizer, SENTENCE))

    american, british, shouted, female = sounds
    assert alike(british, shouted)
    assert not alike(british, american)
    assert not alike(british, female)


def test_an_unknown_voice_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"espeak-ng has no voice 'en-uk'; did you mean 'en-..'; known: .* de .* fr"):
        espeak.load(Options(voice="en-uk"))


@pytest.mark.parametrize("option", [{"speed_wpm": 79}, {"pitch": 100}, {"volume": -1}])
def test_a_number_out_of_range_is_refused(option: dict[str, int]):
    with pytest.raises(ConfigError, match=f"{next(iter(option))} must be between"):
        espeak.load(Options(**option))


def test_closing_ends_the_process_and_every_reply():
    synthesizer = espeak.load(Options())
    (running,) = synthesizer._running
    # More than fits into the pipe, so that the process still has to speak when it ends.
    reply = synthesizer.synthesize("This goes on and on. " * 15)
    next(reply)

    synthesizer.close()
    synthesizer.close()

    assert running._popen.returncode is not None
    with pytest.raises(ModelError, match="closed"):
        list(reply)
    with pytest.raises(ModelError, match="closed"):
        next(synthesizer.synthesize("more"))


PARENT = """
import sys, time
from voicechat.tts import espeak
synthesizer = espeak.load(espeak.Options())
next(iter(synthesizer.synthesize("hello")))
print(*(each._popen.pid for each in synthesizer._running), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process that is no child, which Linux can")
def test_no_process_outlives_a_parent_that_was_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    ids = [int(word) for word in parent.stdout.readline().split()]
    pidfds = [os.pidfd_open(number) for number in ids]

    parent.kill()
    parent.wait(TIMEOUT_S)
    parent.stdout.close()

    import select

    for pidfd in pidfds:
        assert select.select([pidfd], [], [], TIMEOUT_S)[0], "still runs"
        os.close(pidfd)
    assert ids


def test_ctrl_c_in_the_terminal_does_not_reach_the_voice(voice: EspeakSynthesizer):
    for number in process_ids(voice):
        os.kill(number, signal.SIGINT)

    assert len(speech(voice, SENTENCE)) > 10_000
    if hasattr(os, "getpgid"):
        assert all(os.getpgid(number) != os.getpgid(0) for number in process_ids(voice))


def test_the_process_runs_from_a_path_with_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "a path with spaces and ü" / "program.py"
    program.parent.mkdir()
    program.write_bytes(Path(_espeak_process.__file__).read_bytes())
    monkeypatch.setattr(_espeak_process, "__file__", str(program))

    with closing(espeak.load(Options())) as synthesizer:
        assert len(speech(synthesizer, SENTENCE)) > 10_000


def test_the_process_imports_nothing_but_the_standard_library():
    code = "import sys, runpy; runpy.run_path(sys.argv[1]); print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, _espeak_process.__file__]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert "json" in loaded
    assert not {"numpy", "voicechat"} & set(loaded)


@pytest.mark.parametrize("name", ["en-us\udcff", "\udcff", "en-us+\udcff"])
def test_a_name_that_is_no_text_is_no_voice(name: str):
    with pytest.raises(ConfigError, match="has no voice") as refused:
        espeak.load(Options(voice=name))

    assert str(refused.value).isprintable()


def test_a_refused_voice_is_not_told_as_the_one_that_was_meant():
    assert "did you mean 'en-ub'" in str(espeak._unknown_voice("en-us", ["en-us", "en-ub"]))
    assert "did you mean" not in str(espeak._unknown_voice("DE", ["de", "fr"]))


def test_a_voice_that_never_says_it_is_ready_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "program.py"
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(_espeak_process, "__file__", str(program))
    monkeypatch.setattr(espeak, "START_LIMIT_S", 0.1)

    with pytest.raises(ModelError, match="espeak-ng did not start"):
        espeak.load(Options())
