from hypothesis import given
from hypothesis import strategies as st

from voicechat.engines.captions import CHARS_PER_S, Captions

texts = st.lists(st.text(max_size=8), max_size=12)


@given(st.lists(st.tuples(st.text(max_size=8), st.floats(0, 0.5)), max_size=20))
def test_all_that_is_written_is_given_once_and_in_order(plan):
    captions = Captions()
    given, spoken_s = "", 0.0
    for text, duration_s in plan:
        captions.write(text)
        spoken_s += duration_s
        given += captions.due(spoken_s)

    assert given + captions.rest() == "".join(text for text, _ in plan)
    assert captions.rest() == ""


@given(texts, st.floats(0, 10))
def test_words_are_given_no_sooner_than_they_begin_to_be_spoken(pieces, spoken_s):
    captions = Captions()
    for text in pieces:
        captions.write(text)

    due = captions.due(spoken_s)

    position = 0
    for text in filter(None, pieces):
        assert (position < len(due)) == (position <= spoken_s * CHARS_PER_S)
        position += len(text)


def test_the_first_words_wait_for_no_sound():
    captions = Captions()
    captions.write("It")
    captions.write(" is")

    assert captions.due(0.0) == "It"
    assert captions.due(0.0) == ""
