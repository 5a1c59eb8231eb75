"""Transcripts as people and programs read them: text, tables, captions, JSON; and the files they are kept in."""
