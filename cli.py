"""Run voicechat from a checkout: `python cli.py talk`."""

from voicechat.cli import main

if __name__ == "__main__":
    main()
