"""voicechat: hold a spoken conversation with a model from the terminal."""

__version__ = "0.1.0"
