"""The command `mdlcode`. Nothing here imports torch before a command runs."""

from mdlcode.cli.app import main

__all__ = ["main"]
