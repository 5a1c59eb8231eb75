"""The keys of a Windows console, read as they are pressed through prompt_toolkit. Waits without polling."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from ctypes import windll

    from prompt_toolkit.eventloop.win32 import create_win32_event, wait_for_handles
    from prompt_toolkit.input.win32 import Win32Input
    from prompt_toolkit.key_binding.key_processor import KeyPress
    from prompt_toolkit.keys import Keys

    from voicechat.ui.key_codes import Key, KeyEvent, Paste, key_of_char

    _ESCAPE_MS = 50  # an escape character with nothing behind it for that long is the key

    class ConsoleKeys:
        """Reads keys from the console; one thread reads, another starts, stops and closes."""

        answers = False  # what the console says besides keys does not come through

        def __init__(self) -> None:
            self._input = Win32Input()
            self._mode = self._input.raw_mode()
            self._active = False
            self._closed = False
            self._woken = create_win32_event()

        @property
        def active(self) -> bool:
            """Whether keys are read."""
            return self._active

        def start(self) -> bool:
            """Take the console over; give whether that could be."""
            if not self._active:
                self._mode.__enter__()
                self._active = True
            return True

        def stop(self) -> None:
            """Give the console back."""
            if self._active:
                self._active = False
                self._mode.__exit__(None, None, None)

        def lose(self) -> None:
            """Do nothing: nobody else gets a console."""

        def read(self) -> list[KeyEvent] | None:
            """Wait for keys; sometimes none have come; None once closed."""
            handles = [self._input.handle, self._woken]
            wait_for_handles(handles)
            if self._closed:
                return None
            pressed = self._input.read_keys()
            if not pressed and wait_for_handles(handles, _ESCAPE_MS) is None:
                pressed = self._input.flush_keys()
            return [key for press in pressed if (key := _key_of(press)) is not None]

        def interrupt(self) -> None:
            """Let a blocked `read` give None, and every one after it."""
            self._closed = True
            windll.kernel32.SetEvent(self._woken)

        def close(self) -> None:
            """Release what was opened, when nobody reads any more."""
            self.stop()
            self._input.close()

    def _key_of(press: KeyPress) -> KeyEvent | None:
        """Give our key for prompt_toolkit's; the names are the same."""
        if press.key == Keys.BracketedPaste:
            return Paste(press.data)
        if isinstance(press.key, Keys):
            return Key(press.key.value)
        return key_of_char(press.key) if len(press.key) == 1 else None
