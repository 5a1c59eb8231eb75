"""Admit that a question about the world is more than the offline assistant knows.

Knows nothing, which is the point.
"""

from __future__ import annotations

from voicechat.skills.script import Script

_UNKNOWN = (
    "I do not know that. I am a small offline assistant: I do time, sums, units and timers.",
    "That I cannot answer. A bigger model could; the option profile chooses one.",
    "Good question, but I do not know. Ask me for the time, a sum or a timer.",
)

_NOT_ABOUT_US = r"(?!.*\b(?:you|your|i|my|me|we)\b)"  # that is small talk
answer = Script(
    (
        (rf"^(?:and |but |so )*(?:who|whose|where|when|which|what|why|how)\b{_NOT_ABOUT_US}.*", _UNKNOWN),
        (
            rf"^(?:can you |could you |do you know |tell me )+(?:who|where|when|which|what|why|how) {_NOT_ABOUT_US}",
            _UNKNOWN,
        ),
        (rf"^(?:and |but |so )*(?:is|are|was|were|does|did|has|have|will|would) {_NOT_ABOUT_US}\w+ .*", _UNKNOWN),
        (rf"^(?:tell me|explain|describe|define)\b{_NOT_ABOUT_US}.*", _UNKNOWN),
    )
).answer
