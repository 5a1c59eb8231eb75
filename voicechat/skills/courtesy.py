"""Greet, thank and say goodbye.

Ending the talk is not for a skill to do: this only answers.
"""

from __future__ import annotations

from voicechat.skills.script import Script

_HELLO = (
    "Hello. What can I do for you?",
    "Hi. What would you like to know?",
    "Hello again. Ask me something, or say: what can you do?",
)
_THANKS = ("You are welcome.", "My pleasure.", "Any time.", "Glad to help.")
_YOU = r"(?: (?:there|again|you|assistant|computer|voice ?chat|everyone|friend|my friend|so much|very much|a lot))*"

farewell = Script(
    (
        # These end the talk.
        (r"^(?:good ?bye|bye|bye bye|stop|quit|exit)$", ("Goodbye.",)),
        (
            r"^(?:good ?bye|bye bye|bye|take care|see you(?: (?:later|soon|tomorrow))?|farewell|ciao|so long|stop|quit|"
            r"exit|end|i am (?:done|leaving|going)|that (?:is|will be) all|that is it|shut up|be quiet|silence)"
            rf"(?: (?:now|then|for now|it|talking|listening|the talk|for today))*{_YOU}$",
            ("All right. Say goodbye to end the talk.", "As you like. Say goodbye, and I stop listening."),
        ),
        (
            r"^(?:good ?bye|bye) and\b|^have a (?:\w+ )?(?:day|evening|night|weekend|time)",
            ("You too. Say goodbye to end the talk.", "Thank you. Say goodbye to end the talk."),
        ),
        (rf"^good night{_YOU}$", ("Good night. Say goodbye to end the talk.", "Sleep well.")),
    )
).answer

answer = Script(
    (
        (rf"^(?:good )?morning{_YOU}$", ("Good morning. What can I do for you?", "Good morning.")),
        (rf"^good afternoon{_YOU}$", ("Good afternoon. What can I do for you?", "Good afternoon.")),
        (rf"^good evening{_YOU}$", ("Good evening. What can I do for you?", "Good evening.")),
        (rf"^(?:hello|hallo|hullo|hi|hey|howdy|greetings|hi hi|hello hello|good day|yo){_YOU}$", _HELLO),
        (
            r"nice to (?:meet|see|talk)\w* |nice talking |pleased to meet you",
            ("The pleasure is mine.", "Nice to meet you, too."),
        ),
        (
            rf"^(?:(?:no|yes|okay|ok|great|well|and|many) )*(?:thanks|thank|thank you very|cheers){_YOU}(?: for .*)?$",
            _THANKS,
        ),
        (r"^(?:i am |so )?(?:sorry|excuse me)\b", ("No harm done.", "That is all right.")),
        (
            r"^(?:well done|good job|great(?: job)?|nice|cool|wow|awesome|perfect|excellent|(?:very )?good)$",
            ("Thank you.", "I am glad you like it."),
        ),
        (r"i have a question|^let us (?:start|talk|go)$|ask you (?:something|a question)", ("Go ahead.", "Please do.")),
        (r"^(?:wait|hold on|(?:just )?(?:a|one) (?:moment|minute|second))\b", ("Take your time.", "I am waiting.")),
        (r"^(?:go on|go ahead|continue|next|start)$", ("I have nothing to add. Ask me something.", "After you.")),
        (r"^you are (?:very )?welcome", ("Thank you.",)),
        (r"^(?:okay|ok|all right|alright|i see|got it|understood)$", ("Good. What else can I do?", "All right.")),
        (r"^(?:happy|merry) (?:birthday|christmas|new years?|easter|holidays)", ("Thank you. The same to you.",)),
    )
).answer
