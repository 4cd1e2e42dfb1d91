"""`attune live`: a file as if it happened now, or this machine's camera and microphone, measured and said while it goes on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from attune.cli.app import SERVE, app, console, escape, out_console

NONE = "none"
NOTICE = ("Faces and voices are measured for what they express, on this machine; it errs, and it doesn't read minds. "
          "People who are measured must be told. Ctrl-C ends it.")


@app.command(rich_help_panel=SERVE)
def live(
    file: Annotated[Path | None, typer.Argument(help="A media file; without one, camera and microphone.", show_default=False)] = None,
    fast: Annotated[bool, typer.Option("--fast", help="As fast as it goes, not in real time.")] = False,
    camera: Annotated[str, typer.Option(help="The camera's name; none: no camera.", show_default=False)] = "",
    microphone: Annotated[str, typer.Option(help="The microphone's name; none: no microphone.", show_default=False)] = "",
    out: Annotated[Path | None, typer.Option(help="Keep the recording (estimates only) and its report in this folder.", show_default=False)] = None,
    fps: Annotated[float, typer.Option(help="Pictures looked at per second.")] = 3.0,
    baseline: Annotated[str | None, typer.Option(help="own: each voice's habit is learned, and taken out, while it talks; or a file.",
                                                 show_default=False)] = None,
    language: Annotated[str, typer.Option(help="Language of words and sentences, en or de.")] = "en",
    recogniser: Annotated[str | None, typer.Option(help="Recognise the words of each utterance: auto, or a name of `attune models`. "
                                                        "A transcript beside the file goes before it.", show_default=False)] = None,
) -> None:
    """Measure live: what is expressed, while it is expressed. Nothing is kept without --out."""
    from attune.errors import SettingError
    from attune.live import Session, sources
    from attune.measure import transcript_of
    from attune.media import Media
    from attune.settings import Settings
    from attune.text import transcript

    settings = Settings.of(fps=fps, baseline=baseline, language=language)
    length = None
    if file is not None:
        media = Media.open(file)
        words = transcript_of(media.path, settings)
        session = Session(settings, record=out is not None, words=transcript.read(words) if words else None, recogniser=recogniser, adapt=not fast)
        told = sources.play(session, media, wait=None if fast else _until(time.monotonic()))
    else:
        from attune.agent.microphone import device

        if camera == microphone == NONE:
            raise SettingError("neither camera nor microphone; give a file, or one of them")
        console.print(NOTICE, style="dim", highlight=False)
        session = Session(settings, record=out is not None, recogniser=recogniser, adapt=True)
        told = sources.watch(session, None if microphone == NONE else device(microphone), None if camera == NONE else sources.camera(camera))
    try:
        _print(told)
    except KeyboardInterrupt:
        session.cut()
        with contextlib.suppress(KeyboardInterrupt):         # once more: don't wait for the last words
            _print(iter(session.finish()))
    if file is not None:
        length = media.end or None
    if out is not None:
        recording = session.close(length)
        _keep(recording if file is None else replace(recording, source=file.name), out)


def _until(began: float) -> Any:
    """Sleep until a time since the beginning."""
    return lambda at: time.sleep(max(0.0, began + at - time.monotonic()))


def _print(told: Iterator[Any]) -> None:
    """Sentences, words and hints, a line each; numbers are for programs."""
    from attune.live import Failed, Hint, Rate, Said, Spoken

    now = 0.0
    for one in told:
        if isinstance(one, Said):
            now = one.time
            out_console.print(f"[dim]{_clock(now)}[/]  {escape(one.text)}", highlight=False)
        elif isinstance(one, Spoken) and one.text:
            now = float(one.estimates[0].end[0])
            out_console.print(f"[dim]{_clock(now)}[/]  [italic]“{escape(one.text)}”[/]", highlight=False)
        elif isinstance(one, Hint) and not one.over:
            out_console.print(f"[dim]{_clock(now)}[/]  [yellow]· {escape(one.text)}[/]", highlight=False)
        elif isinstance(one, Failed):
            out_console.print(f"[dim]{_clock(now)}[/]  [red]{escape(one.text)}[/]", highlight=False)
        elif isinstance(one, Rate):
            out_console.print(f"[dim]{_clock(now)}  {one.fps:.2g} pictures a second[/]", highlight=False)


def _clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> _clock(75.3)
    '1:15'
    """
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def _keep(recording: Any, out: Path) -> None:
    from attune import export, report

    export.write(recording, out)
    path = report.write(recording, out / "report.html")
    for note in recording.notes:
        out_console.print(f"[yellow]·[/] {escape(note)}", highlight=False)
    out_console.print(f"[green]✓[/] {recording.duration:.1f} s  [cyan]{escape(str(path))}[/]", highlight=False)
