"""The application that the commands join, where it prints, and what becomes of an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from attune.errors import AttuneError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False,
    help="Measure emotional expression in face, voice and language: one command turns a video into one time-aligned table.\n\n"
    "Everything runs on this machine; nothing is sent anywhere. Attune measures expression, it doesn't read minds. "
    "Inferring emotions at work or in education is prohibited in the EU (AI Act, Art. 5(1)(f)), save for medical and safety reasons.",
)
out_console, console = Console(), Console(stderr=True)
FAILED, USAGE = 1, 2
MEASURE, RESEARCH, SERVE = "Measure", "Study and exchange", "Live, and for other programs"      # how commands are grouped
WIDE = 110                               # columns; a narrower terminal shows less


def main() -> None:
    """Run the command; our own errors become one line and exit code 2."""
    try:
        app()
    except AttuneError as error:
        console.print(f"[bold red]error[/]  {escape(str(error))}", highlight=False, soft_wrap=True)
        raise SystemExit(USAGE) from error


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
