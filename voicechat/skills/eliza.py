"""Keep a conversation going when no other skill has an answer, in the manner of Weizenbaum's ELIZA (see `script`).

Reflects the user's own words; knows nothing of what they mean. The script is ours, not that of the paper.
"""

from __future__ import annotations

import re

from voicechat.skills.request import Request
from voicechat.skills.script import Script, reflect

_SCRIPT = Script(
    (
        (r"^(?:one|two|three|four|five|six|seven|eight|nine|ten|[0-9]+)$", ("And what shall I do with that number?",)),
        (r"^i do not know", ("That makes two of us.", "What would help you to find out?")),
        (r"i (?:do not )?(?:think|guess|hope|believe) (?:so|not)$", ("What makes you think so?", "Time will tell.")),
        (r"my (?:favou?rite|best) \w+ is (.+)", ("Why {0}?", "What do you like about {0}?")),
        (
            r"i (?:live|work|come|was born|am from)\b",
            ("What is it like there?", "Do you like it?", "Tell me more about it."),
        ),
        (r"i am \w+(?: \w+)? years old", ("A good age, I hear.", "And how does that feel?")),
        (
            r"i (?:need|want|would like|have|had|like|love|hate) to (.+)",
            ("What happens if you do not {0}?", "When did you last {0}?", "And after that?"),
        ),
        (
            r"^(?:(?:can|could|would) you )?tell me\b",
            ("There is not much I could tell. Ask me what I can do.", "I would rather hear it from you."),
        ),
        (
            r"i (?:need|want|would like) (.+)",
            ("What would {0} change for you?", "Why do you want {0}?", "Suppose you had {0}. What then?"),
        ),
        (
            r"i (?:can not|cannot|could not) (.+)",
            ("What keeps you from it?", "Have you tried to {0} before?", "What would help you to {0}?"),
        ),
        (r"i am (?:going to|about to) (.+)", ("What do you hope for, when you {0}?", "Are you looking forward to it?")),
        (r"i am (.+)", ("How long have you been {0}?", "How does it feel to be {0}?", "Do you like being {0}?")),
        (r"i (?:feel|felt) (.+)", ("Do you often feel {0}?", "What makes you feel {0}?", "When do you feel {0}?")),
        (
            r"i (?:think|believe|guess|suppose) (.+)",
            ("Are you sure?", "What makes you think {0}?", "And if it were not so?"),
        ),
        (r"i (?:remember|recall) (.+)", ("What brings {0} to mind now?", "What else do you remember?")),
        (r"i (?:dream|dreamed|dreamt) (.+)", ("What does that dream tell you?", "Do you often dream {0}?")),
        (
            r"i (?:like|love|enjoy) (.+)",
            ("What do you like most about {0}?", "When did you begin to like {0}?", "That sounds good. Tell me more."),
        ),
        (r"i (?:hate|dislike|do not like) (.+)", ("What bothers you about {0}?", "Was that always so?")),
        (r"i (?:do not|never) (.+)", ("Why not?", "Would you like to {0}?")),
        (
            r"i (?:have|had|got) (.+)",
            ("Since when do you have {0}?", "What does it mean to you?", "Tell me more about {0}."),
        ),
        (r"you are (.+)", ("What makes you think I am {0}?", "Perhaps. Does it matter to you that I am {0}?")),
        (
            r"(?:can|could|will|would) you (.+)",
            ("I am afraid I cannot. Ask me what I can do.", "That is not among my skills. Ask me what I can do."),
        ),
        (
            r"^(?:do|are|did|have|were) you\b.*",
            (
                "I am only a small program, so: no.",
                "We were talking about you, not about me.",
                "Would it please you if I said yes?",
            ),
        ),
        (r"^you (.+) me$", ("Why do you think I {0} you?", "What if I did not {0} you?")),
        (
            r"my (mother|father|mom|dad|parents|brother|sister|family|wife|husband|son|daughter|children|friend)\b",
            ("Tell me more about your {0}.", "How do you get along with your {0}?"),
        ),
        (r"my (\w+)", ("Your {0}?", "What about your {0} matters most to you?", "Tell me more about your {0}.")),
        (r"^(?:where|how (?:old|tall|big|heavy)) am i\b", ("I cannot know that. You have not told me.",)),
        (
            r"^why\b.*\byou\b",
            ("I was made that way.", "What do you think is the reason?", "I am only a small program."),
        ),
        (
            (
                r"^(?:do|am|can|should|shall|will|did|could|may|must) i\b",
                r"^(?:what|how|why|when|where|who)\b.*\b(?:i|my|me|we)\b",
            ),
            ("What do you think?", "You would know that better than I do.", "What answer would please you most?"),
        ),
        (
            r"(?:what|how|why|when|where|who)\b.*",
            ("I wish I knew. I am only a small offline assistant.", "Why do you ask?", "I do not know, I am sorry."),
        ),
        (r"because (.+)", ("Is that the only reason?", "Does that explain it all?")),
        (
            r"^(?:yes|yeah|yep|sure|of course|certainly|right|exactly|true)\b",
            ("I see. And why is that?", "Good. Go on.", "You seem quite sure."),
        ),
        (r"^(?:no|nope|not really|never)\b", ("Why not?", "All right. What else?", "You are sure about that.")),
        (r"^really$", ("As far as I know.", "Really.")),
        (r"^(?:that|it|this) is (.+)", ("Do you think so?", "Why is it {0}?")),
        (r"^(?:maybe|perhaps|possibly|it depends)\b", ("What does it depend on?", "What would make you sure?")),
        (
            r"(?:always|never|everybody|nobody|everyone)\b",
            ("Can you think of an example?", "Really without exception?"),
        ),
        (
            r"(?:computers?|machines?|robots?|programs?)\b",
            ("What do you think of machines like me?", "Do machines worry you?"),
        ),
        (
            r"(?:sad|unhappy|lonely|tired|afraid|angry|worried)\b",
            ("I am sorry to hear that. What happened?", "Would it help to talk about it?"),
        ),
    )
)
_GO_ON = (
    "I see. Tell me more.",
    "Go on.",
    "What does that mean to you?",
    "I am not sure I follow. Could you say it another way?",
    "Interesting. And then?",
    "How do you feel about that?",
    "I am better at sums and timers than at talking. Ask me what I can do.",
)
_BACK_TO = "Earlier you spoke of your {0}. How is that?"
_MINE = re.compile(r"\bmy ((?!name\b|god\b)[a-z]{3,})\b")


def answer(request: Request) -> str:
    """Answer anything at all."""
    return _SCRIPT.answer(request) or _back_to(request) or request.vary(_GO_ON)


def _back_to(request: Request) -> str | None:
    """Every fourth time that nothing fits, come back to something the user called their own."""
    stuck = sum(reply in _GO_ON for reply in request.said)
    if stuck % 4 != 3:
        return None
    for earlier in reversed(request.asked):
        if found := _MINE.search(earlier.lower()):
            line = _BACK_TO.format(reflect(found[1]))
            return None if line in request.said else line
    return None
