"""The application that the commands join, where it prints, and what becomes of an error."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from attune import __version__
from attune.errors import AttuneError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False,
    help="Measure emotional expression in face, voice and language: one command turns a video into one time-aligned table.\n\n"
    "Everything runs on this machine; nothing is sent anywhere. Attune measures expression, it doesn't read minds. "
    "Inferring emotions at work or in education is prohibited in the EU (AI Act, Art. 5(1)(f)), save for medical and safety reasons.",
)
PIPED = 160                              # columns of what goes into a file or another program
out_console = Console(width=None if "COLUMNS" in os.environ or (sys.stdout and sys.stdout.isatty()) else PIPED, emoji=False)
console = Console(stderr=True, emoji=False)
FAILED, USAGE, STOPPED = 1, 2, 130       # 130: by Ctrl-C, as shells have it
MEASURE, RESEARCH, SERVE = "Measure", "Study and exchange", "Live, and for other programs"      # how commands are grouped
WIDE = 110                               # columns; a narrower terminal shows less


HALVES = (".half", ".part")
# what to do about a file that can't be read or written; others are said as the system says them
REMEDIES = {
    errno.EACCES: "give yourself the right to it, or name another place", errno.EROFS: "name a place that can be written to",
    errno.ENOSPC: "make room, or name another place", errno.ENOTDIR: "name a folder; a file is in its place",
    errno.EEXIST: "name another place; a file of that name is there", errno.EISDIR: "name a file; a folder is in its place",
}


def main() -> None:
    """Run the command; our own errors, and files that can't be read or written, become one line and exit code 2."""
    _any_letters()
    try:
        app()
    except AttuneError as error:
        _failed(str(error), error)
    except OSError as error:
        if error.errno is None:               # raised by a program, not by the system
            raise
        _failed(unwritten(error), error)


def _failed(text: str, error: Exception) -> None:
    console.print(f"[bold red]error[/]  {escape(text)}", highlight=False, soft_wrap=True)
    raise SystemExit(USAGE) from error


def unwritten(error: OSError) -> str:
    """What the system says of a file, and what to do.

    >>> unwritten(PermissionError(errno.EACCES, "Permission denied", "out/talk"))
    'out/talk: permission denied; give yourself the right to it, or name another place'
    """
    said = (error.strerror or str(error)).lower()
    remedy = REMEDIES.get(error.errno or 0, "")
    file = "" if error.filename is None else os.fsdecode(error.filename) if not isinstance(error.filename, int) else str(error.filename)
    for half in HALVES:                       # files are written beside their place first
        file = file.removesuffix(half)
    return (f"{file}: " if file else "") + said + (f"; {remedy}" if remedy else "")


def _any_letters() -> None:
    """A terminal or pipe that can't show some letter shows ? in its place, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _version(wanted: bool) -> None:
    if wanted:
        out_console.print(f"attune {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _all(version: Annotated[bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_version)] = False) -> None:
    pass


def escape(text: str) -> str:
    """Text in which brackets are brackets, not markup."""
    return text.replace("[", r"\[")


def entry(cells: Sequence[tuple[str, int, str]], told: str) -> None:
    """One of a list: cells (text, width, style) side by side, and below them, dim, what there is to tell; in a terminal as much as fits a line."""
    line = Text()
    for text, width, style in cells:
        line.append(text.ljust(width - 1) + " ", style)
    fits: dict[str, Any] = {"no_wrap": True, "overflow": "ellipsis"} if out_console.is_terminal else {"soft_wrap": True}
    line.rstrip()
    for each in (line, Text(f"  {told}", "dim")):
        out_console.print(each, **fits)
