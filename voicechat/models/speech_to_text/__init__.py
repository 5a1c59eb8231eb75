"""Recognizers of transformers, one file per way of calling them. Knows 16 kHz audio and text, nothing of turns."""
