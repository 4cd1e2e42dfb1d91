"""`attune describe`: what was measured, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from attune.cli.app import MEASURE, app, console, escape, out_console
from attune.errors import SettingError


@app.command(rich_help_panel=MEASURE)
def describe(
    recording: Annotated[Path, typer.Argument(help="A folder that `attune measure` wrote.", show_default=False)],
    form: Annotated[str, typer.Option(help="text, json, cues, vtt or srt.")] = "text",
    over: Annotated[str, typer.Option(help="What gets a sentence: segments, turns, windows or whole.")] = "segments",
    window: Annotated[float, typer.Option(help="Length of a window, with --over windows (s).")] = 5.0,
    hop: Annotated[float | None, typer.Option(help="From window to window; by default the window's length (s).", show_default=False)] = None,
    language: Annotated[str, typer.Option(help="en or de.")] = "en",
    tense: Annotated[str, typer.Option(help="past or present.")] = "past",
    person: Annotated[list[str], typer.Option(help="What to call somebody, as in 'person 1=Ada/she'; may be repeated.", show_default=False)] = [],  # noqa: B006
    usual: Annotated[bool, typer.Option("--usual", help="Compare each moment with the same person's moments before it.")] = False,
    dimensions: Annotated[bool, typer.Option("--dimensions", help="Say valence, arousal and dominance too.")] = False,
    missing: Annotated[str, typer.Option(help="What couldn't be measured: leave it out, or say it.")] = "leave",
    calibration: Annotated[str, typer.Option(help="What levels mean: attune, repo-2023 or paper-2023.")] = "attune",
    budget: Annotated[int | None, typer.Option(help="Words at most; the strongest stays.", show_default=False)] = None,
) -> None:
    """Say in words what was measured."""
    from attune import export
    from attune.describe import render

    options: dict[str, Any] = {
        "over": over, "window": window, "hop": hop, "language": language, "tense": tense, "person": _names(person), "usual": "own" if usual else None,
        "dimensions": dimensions, "missing": missing, "calibration": calibration, "budget": budget,
    }
    rec = export.read(recording)
    said = render.rendered(rec, form, **options)
    if not said.strip():
        why = "; ".join(rec.notes) or "nothing was measured"
        console.print(f"nothing to say of {escape(rec.source)}: {escape(why)}", highlight=False, soft_wrap=True)
        return
    out_console.print(said, markup=False, highlight=False, soft_wrap=True)


def _names(given: list[str]) -> dict[str, str]:
    """"person 1=Ada/she", ... by the recording's name for somebody."""
    pairs = [text.partition("=") for text in given]
    wrong = next((text for text, (name, _, called) in zip(given, pairs, strict=True) if not (name and called)), None)
    if wrong is not None:
        raise SettingError(f"--person {wrong}; expected NAME=CALLED, as in --person 'person 1=Ada/she'")
    return {name.strip(): called.strip() for name, _, called in pairs}
