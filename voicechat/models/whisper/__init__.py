"""Whisper, from speech to words, in plain torch. Knows 16 kHz audio and text; nothing of files or turns."""
