"""The skills of the built-in assistant: what it can answer by itself, without a language model or a network.

A skill is one file with a function (or a class with a method) `answer(request: Request) -> str | None`; None means
"not mine", and the next one is asked. `voicechat.llm.skills` lists them in the order in which they are tried: a new
skill is a new file here and one line there. Replies are spoken: short sentences that end with a full stop.

Knows nothing of audio, threads, sessions or the terminal.
"""
