"""Engines: an utterance in, a spoken reply out."""
