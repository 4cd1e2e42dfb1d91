"""`attune measure`, `attune show` and `attune report`: recordings."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_type_hints

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from attune.cli.app import FAILED, WIDE, app, console, escape, out_console
from attune.errors import AttuneError
from attune.settings import Settings


def _measure(
    paths: Annotated[list[str], typer.Argument(help="Media files, folders, or patterns like 'study/*.mp4'.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the results: one folder per recording.")] = Path("measured"),
    formats: Annotated[list[str], typer.Option("--format", help="How tables are written: parquet, csv, json; may be repeated.")] = ["parquet"],  # noqa: B006
    again: Annotated[bool, typer.Option("--again", help="Measure anew what is already done.")] = False,
    workers: Annotated[int, typer.Option(help="Files measured at the same time.", min=1)] = 1,
    page: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html beside the table.")] = True,
    **settings: Any,
) -> None:
    """Measure recordings: who was seen and heard when, and what they expressed."""
    from attune import batch

    given = Settings.of(**settings)
    files = batch.find(paths)
    if not files:
        raise AttuneError(f"nothing to measure in {', '.join(paths)}; expected media files, or folders that hold some")
    with Progress(
        TextColumn("[bold]{task.fields[file]}"), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True,
    ) as bar:
        shown = _Shown(bar, len(files))
        results = []
        for result in batch.run(files, out, given, formats=formats, page=page, again=again, workers=workers, hook=shown.step):
            results.append(result)
            shown.done()
            bar.console.print(_line(result), highlight=False, soft_wrap=True)
    failed = [r for r in results if r.error]
    if failed:
        console.print(f"\n{len(results) - len(failed)} of {len(results)} measured; the others are in {out / batch.FAILURES}")
        raise typer.Exit(FAILED)


def _from_settings() -> Any:
    """The measure command with one option per field of `Settings`."""
    hints = get_type_hints(Settings)
    own = [p for p in inspect.signature(_measure, eval_str=True).parameters.values() if p.kind != p.VAR_KEYWORD]
    options = []
    for f in fields(Settings):
        facts = f.metadata
        unit = f" ({facts['unit']})" if facts["unit"] else ""
        option = typer.Option(help=f"{facts['reason'][0].upper()}{facts['reason'][1:]}{unit}.", rich_help_panel="Settings")
        options.append(inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=Annotated[hints[f.name], option]))
    parameters = [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *options]

    def measure(**given: Any) -> None:
        _measure(**given)

    measure.__doc__ = _measure.__doc__
    measure.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    measure.__annotations__ = {p.name: p.annotation for p in parameters}
    return measure


app.command()(_from_settings())


class _Shown:
    """The progress of one file at a time: its step, how many seconds of media a second are done, how many files are left."""

    NAMES: ClassVar = {"face": "faces", "voice": "voice", "text": "words", "recogniser": "recognising words"}

    def __init__(self, bar: Progress, files: int) -> None:
        self.bar, self.files, self.count, self.task = bar, files, 0, None

    def step(self, file: str, step: str, done: float, total: float) -> None:
        if self.task is None:
            number = f"{self.count + 1}/{self.files} " if self.files > 1 else ""
            self.task = self.bar.add_task("", total=total or None, file=f"{number}{Path(file).name}", rate="")
            self.current = None
        if self.current != step:
            self.current = step
            self.bar.reset(self.task, description=self.NAMES.get(step, step), total=total or None)
        self.bar.update(self.task, completed=done)
        speed = self.bar.tasks[-1].speed
        self.bar.update(self.task, rate=f"{speed:.1f} x real time" if speed else "")

    def done(self) -> None:
        self.count += 1
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None


def _line(result: Any) -> str:
    name = escape(result.source)
    if result.error:
        return f"[red]✗[/] {name}  [red]{escape(result.error)}[/]"
    if result.skipped:
        return f"[dim]– {name}  done before ({escape(str(result.folder))}); --again measures it anew[/]"
    notes = "".join(f"\n  [yellow]·[/] {escape(note)}" for note in result.notes)
    where = result.folder / "report.html" if (result.folder / "report.html").exists() else result.folder
    return f"[green]✓[/] {name}  {result.summary}  [cyan]{escape(str(where))}[/]{notes}"


@app.command()
def show(recording: Annotated[Path, typer.Argument(help="A folder that `attune measure` wrote.")],
         rows: Annotated[int, typer.Option(help="Rows shown at most; 0 for all.", min=0)] = 40) -> None:
    """Show a recording's table in the terminal."""
    from attune import export

    rec = export.read(recording)
    out_console.print(f"[bold]{escape(rec.source)}[/]  {rec.duration:.1f} s, {len(rec.people)} {'person' if len(rec.people) == 1 else 'people'}")
    for note in rec.notes:
        out_console.print(f"[yellow]·[/] {escape(note)}", highlight=False)
    out_console.print(_table(rec, rows))
    if rows and len(rec.segments) > rows:
        out_console.print(f"[dim]{len(rec.segments) - rows} more rows; --rows 0 shows all[/]")


def _table(rec: Any, limit: int) -> Table:
    """Time, person, strongest label of each modality and of all, valence and arousal, words."""
    import numpy as np

    from attune import export

    columns = export.table(rec).to_pydict()
    by_name = {e.name: e for e in rec}
    sets = [next((e for e in rec if e.modality == m and e.taxonomy.kind != "dimensional"), None) for m in ("face", "voice", "text", "fused")]
    sets = [e for e in sets if e is not None]
    if out_console.width < WIDE:
        sets = sets[-1:]                  # what they come to together
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("time", "person", *(e.modality for e in sets), "valence", "arousal", "words"):
        table.add_column(name, justify="right" if name in ("time", "valence", "arousal") else "left", no_wrap=name != "words")
    for i, s in enumerate(rec.segments[: limit or None]):
        cells = [f"{s.start:.1f}–{s.end:.1f}", escape(s.person)]
        for e in sets:
            suffix = "_projected" if e.projected else ""
            values = np.array([columns[f"{e.name}.{label}{suffix}"][i] for label in e.taxonomy.labels], float)
            if np.isnan(values).all():
                cells.append(f"[dim]{columns[f'{e.modality}.reason'][i]}[/]")
                continue
            k = int(np.nanargmax(values))
            colour = e.taxonomy.colours.get(e.taxonomy.labels[k], "")
            cells.append(f"[{colour or 'none'}]{e.taxonomy.labels[k]}[/] [dim]{values[k]:.2f}[/]")
        vad = by_name.get("fused.vad")
        for name in ("valence", "arousal"):
            value = float(vad.label(name)[i]) if vad is not None else float("nan")
            cells.append("[dim]–[/]" if np.isnan(value) else f"[{'green' if value > 0 else 'red'}]{value:+.2f}[/]" if name == "valence" else f"{value:+.2f}")
        table.add_row(*cells, escape(s.text))
    return table


@app.command()
def report(recording: Annotated[Path, typer.Argument(help="A folder that `attune measure` wrote.")],
           out: Annotated[Path | None, typer.Option(help="The HTML file; by default report.html in that folder.")] = None) -> None:
    """Write a recording's report, one self-contained HTML file."""
    from attune import export
    from attune import report as page

    path = page.write(export.read(recording), out or recording / "report.html")
    out_console.print(f"[green]✓[/] [cyan]{escape(str(path))}[/]", highlight=False)
