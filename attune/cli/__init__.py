"""The command line: parse, call one function, print. A file per kind of command."""

from attune.cli import baselining, chatting, describing, evaluating, exploring, exporting, listing, living, measuring, modelling, serving, voicing  # noqa: F401  (their commands join the application)
from attune.cli.app import app, main

__all__ = ["app", "main"]
