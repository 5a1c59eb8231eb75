"""A whole talk with Mini-Omni: what is shown, what is heard, what is left when the talk ends."""

from __future__ import annotations

import numpy as np

from tests.engines.talking import N_STEPS, EchoPipeline
from tests.fakes import ArraySource, silence, speech
from tests.models.mini_omni.pipelines import tiny_pipeline
from tests.test_session import Talk
from voicechat.engines.mini_omni import SINGLE_TURNS, MiniOmniEngine, Options
from voicechat.types import Notice, Outcome

TWO_TURNS = np.concatenate([silence(1), speech(1, 0.5), silence(1), speech(0.5, 0.6), silence(1)])


def test_both_turns_are_answered_and_what_the_engine_has_to_say_is_shown_first():
    talk = Talk(ArraySource(TWO_TURNS), engine=MiniOmniEngine(EchoPipeline())).run()

    notices = [event for event in talk.events if isinstance(event, Notice)]
    assert notices[0].text == SINGLE_TURNS
    assert len(notices) == 2
    assert [done.outcome for done in talk.done] == [Outcome.COMPLETED] * 2
    assert [done.user_text for done in talk.done] == ["", ""]
    assert talk.done[0].reply_text == " ".join(map(str, range(N_STEPS))) + " end"
    assert talk.sink.chunks[0].samples[0] != talk.sink.chunks[-1].samples[0]


def test_the_users_words_end_the_talk_if_they_are_written_down():
    pipeline = EchoPipeline()
    pipeline.words = lambda features, stopped: "Goodbye."

    talk = Talk(ArraySource(TWO_TURNS), engine=MiniOmniEngine(pipeline, Options(show_my_words=True))).run()

    assert talk.done[0].user_text == "Goodbye."
    assert len([done for done in talk.done if done.outcome is Outcome.COMPLETED]) == 1


def test_what_a_reply_has_to_tell_reaches_the_screen():
    talk = Talk(ArraySource(TWO_TURNS), engine=MiniOmniEngine(EchoPipeline(cut=True))).run()

    assert [event.text[:12] for event in talk.events if isinstance(event, Notice)][-1] == "the reply is"


def test_a_model_holds_a_talk():
    engine = MiniOmniEngine(tiny_pipeline(), Options(max_reply_s=1.0, exact_encoder=False))

    talk = Talk(ArraySource(TWO_TURNS), engine=engine).run()

    assert [done.outcome for done in talk.done] == [Outcome.COMPLETED] * 2
    assert all(done.reply_s > 0.5 for done in talk.done)
    assert all(done.reply_text for done in talk.done)
