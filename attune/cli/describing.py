"""`attune describe`: what was measured, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attune.cli.app import app, out_console


@app.command()
def describe(
    recording: Annotated[Path, typer.Argument(help="A folder that `attune measure` wrote.")],
    form: Annotated[str, typer.Option(help="text, json, cues, vtt or srt.")] = "text",
    over: Annotated[str, typer.Option(help="segments, turns, windows or whole.")] = "segments",
    language: Annotated[str, typer.Option(help="en or de.")] = "en",
    calibration: Annotated[str, typer.Option(help="attune, repo-2023 or paper-2023.")] = "attune",
    budget: Annotated[int | None, typer.Option(help="Words at most.")] = None,
) -> None:
    """Say in words what was measured."""
    from attune import export
    from attune.describe import render

    said = render.rendered(export.read(recording), form, over=over, language=language, calibration=calibration, budget=budget)
    out_console.print(said, markup=False, highlight=False, soft_wrap=True)
