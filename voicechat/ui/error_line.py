"""How an error looks on the command line: one safe line."""

from __future__ import annotations

from voicechat.ui.sanitize import printable


def error_line(error: BaseException) -> str:
    """Give `voicechat: error: <message>` without a line end; what is untrusted in the message is made safe."""
    message = " ".join(printable(str(error), single_line=True).split())
    return f"voicechat: error: {message or type(error).__name__}"
