"""Say plainly what the offline assistant cannot do, and what it can do instead.

Knows nothing that would need a network, a calendar or other programs, and claims nothing.
"""

from __future__ import annotations

from voicechat.skills.script import Script

_INSTEAD = (
    "I can tell you the time, though.",
    "I can do sums and set timers, if that helps.",
    "Ask me what I can do.",
)


def _offline(thing: str) -> tuple[str, ...]:
    """Give ways to say that `thing` needs a network."""
    return (
        f"I am offline, so I cannot {thing}. {_INSTEAD[0]}",
        f"Sorry, I cannot {thing} without a network. {_INSTEAD[1]}",
        f"That is beyond me: I cannot {thing} offline. {_INSTEAD[2]}",
    )


def _unable(thing: str) -> tuple[str, ...]:
    """Give ways to say that `thing` is no skill."""
    return (
        f"I cannot {thing}. {_INSTEAD[1]}",
        f"Sorry, I have not learnt to {thing}. {_INSTEAD[2]}",
    )


answer = Script(
    (
        (
            (
                r"weather|whether (?:today|like|tomorrow|is)|forecast",
                r"(?:is it|will it|going to) (?:\w+ )?(?:rain|snow|sunny|be hot|be cold|be warm)\w*",
                r"(?:raining|snowing)|how (?:hot|cold|warm) is it|temperature (?:outside|today|tomorrow|in)",
                r"need an umbrella",
            ),
            _offline("tell the weather"),
        ),
        (r"news|headlines|happening in the world|who won|score of|scores|elections?", _offline("get the news")),
        (
            (
                r"stock|share price|exchange rate|bitcoin|price of|how much (?:does|do|is) .*\bcost",
                r"dollars? (?:in|to)|euros? (?:in|to)",
            ),
            _offline("look up prices"),
        ),
        (
            r"(?:search|look up|google|browse|internet|web ?site|wikipedia|download|online)\b",
            _offline("search the web"),
        ),
        (
            r"(?:traffic|directions|route|way to the|restaurants?|near me|nearest|nearby|flights?)\b",
            _offline("find places"),
        ),
        (
            (
                r"(?:play|stop|put on|listen to)\b.*(?:music|song|songs|radio|podcast|video|album|something)|sing\b",
                r"play music",
            ),
            _unable("play music"),
        ),
        (
            (
                r"(?:call|phone|dial|ring)\b (?:my|mom|mum|dad|the|an?|him|her|nine|9)",
                r"(?:send|write|read) .*(?:message|text|e ?mail|letter)|my e ?mails?",
            ),
            _unable("call or write to anyone"),
        ),
        (
            (
                r"(?:my|the) (?:calendar|appointments?|schedule|meetings?)|(?:shopping|to do|todo) list",
                r"take a note|make a note",
            ),
            _unable("keep lists or a calendar"),
        ),
        (
            r"turn (?:on|off|up|down)|switch (?:on|off)|lights?\b.*\b(?:on|off)|thermostat|volume|unlock the",
            _unable("control other things"),
        ),
        (
            r"(?:open|launch|run) (?:the |a |my )?(?:browser|app|program|file|door|window|\w+ app)",
            _unable("open things"),
        ),
        (
            (
                r"translate",
                r"(?:how do you say|what is) .* in (?:german|french|spanish|italian|latin|chinese|japanese)",
                r"speak (?:german|french|spanish|another language)",
            ),
            _unable("translate. I only speak English"),
        ),
        (r"(?:tell|read) me a (?:\w+ )?(?:story|poem|book)|write (?:me )?an? |compose", _unable("make up stories")),
    )
).answer
