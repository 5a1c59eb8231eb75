import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicechat.turn import Turn, heard_text
from voicechat.types import AudioChunk, Outcome, TextDelta
from voicechat.utterance import Utterance


def reply(*parts):
    """A turn whose reply is made of (text, seconds) parts."""
    turn = Turn(1, Utterance())
    for text, duration_s in parts:
        turn.add_text(TextDelta(text))
        turn.add_audio(AudioChunk(np.ones(round(duration_s * 1000), np.float32), 1000))
    return turn


def test_a_reply_that_was_heard_to_its_end_is_kept_whole():
    turn = reply(("Hello there. ", 1.0), ("It is noon.", 2.0))

    done = turn.done(Outcome.COMPLETED, heard_s=3.0, first_heard_at=None)

    assert done.reply_text == "Hello there. It is noon."


def test_an_interrupted_reply_keeps_the_words_that_were_heard():
    turn = reply(("Hello there. ", 1.0), ("one two three four", 2.0))

    assert heard_text(turn.deltas, heard_s=2.0, total_s=3.0) == "Hello there. one two"
    assert heard_text(turn.deltas, heard_s=0.0, total_s=3.0) == ""
    assert heard_text(turn.deltas, heard_s=1.0, total_s=3.0) == "Hello there."


parts = st.lists(st.tuples(st.text("ab c.", max_size=20), st.floats(0.05, 3)), max_size=6)


@given(parts, st.floats(0, 20), st.floats(0, 20))
def test_more_time_never_means_fewer_words(plan, one_s, other_s):
    turn = reply(*plan)
    shorter, longer = (heard_text(turn.deltas, heard_s=s, total_s=turn.reply_s) for s in sorted((one_s, other_s)))

    assert longer.startswith(shorter)
    assert "".join(text for text, _ in plan).strip().startswith(longer)


@given(parts, st.floats(0, 20))
def test_the_heard_audio_is_the_beginning_of_the_reply(plan, heard_s):
    turn = reply(*plan)

    heard = sum(len(chunk.samples) for chunk in turn.heard_chunks(heard_s))

    assert abs(heard - min(heard_s, turn.reply_s) * 1000) <= 1 + len(plan)
