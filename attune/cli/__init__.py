"""The command line: parse, call one function, print. A file per kind of command, in the order in which help lists them."""

from importlib import import_module

from attune.cli.app import app, main

KINDS = (
    "measuring", "describing", "baselining", "voicing", "modelling",
    "exploring", "exporting", "evaluating", "listing",
    "living", "serving", "chatting",
)

for _kind in KINDS:
    import_module(f"attune.cli.{_kind}")

__all__ = ["app", "main"]
