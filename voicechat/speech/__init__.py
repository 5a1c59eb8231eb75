"""From a recording to the pieces of speech that a recognizer gets, and from its words back to the recording's times."""
