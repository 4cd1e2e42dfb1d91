"""`attune measure`, `attune show` and `attune report`: recordings."""

from __future__ import annotations

import inspect
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_origin, get_type_hints

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from attune.cli.app import FAILED, MEASURE, STOPPED, WIDE, app, console, escape, out_console
from attune.errors import AttuneError
from attune.settings import Settings

SCALE = "Many files"
NAMED = 24                               # columns of a file's name beside its progress


def _measure(
    paths: Annotated[list[str], typer.Argument(help="Media files, folders, or patterns like 'study/*.mp4'.", show_default=False)],
    out: Annotated[str, typer.Option(help="Folder or address for the results: one folder per recording.")] = "measured",
    formats: Annotated[list[str], typer.Option("--format", help="How tables are written: parquet, csv, json; may be repeated.")] = ["parquet"],  # noqa: B006
    again: Annotated[bool, typer.Option("--again", help="Measure anew what is already done.")] = False,
    workers: Annotated[int, typer.Option(help="Files measured at the same time.", min=1)] = 1,
    page: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html beside the table.")] = True,
    cache: Annotated[str | None, typer.Option(help="Folder that keeps what models said, so that another fusion doesn't decode again.")] = None,
    engine: Annotated[str, typer.Option(help="Where workers run: local (processes), ray.", rich_help_panel=SCALE)] = "local",
    ray_address: Annotated[str | None, typer.Option(help="A Ray cluster that runs already; by default one is started here.", rich_help_panel=SCALE)] = None,
    gpus: Annotated[float, typer.Option(help="Share of a GPU for each worker of Ray; networks use it with ATTUNE_PROVIDERS=cuda.", min=0,
                                        rich_help_panel=SCALE)] = 0.0,
    time_limit: Annotated[float | None, typer.Option(help="Seconds that a file may take.", min=0.1, rich_help_panel=SCALE)] = None,
    memory_limit: Annotated[float | None, typer.Option(help="GB of memory that a worker may hold.", min=0.001, rich_help_panel=SCALE)] = None,
    retries: Annotated[int, typer.Option(help="Further tries after what may pass: the network, a worker that was killed.", min=0, rich_help_panel=SCALE)] = 2,
    largest: Annotated[float | None, typer.Option(help="GB of a remote file that is fetched at most.", min=0, rich_help_panel=SCALE)] = 50.0,
    hash_remote: Annotated[bool, typer.Option("--hash-remote", help="Know remote files by their content, not by their ETag.", rich_help_panel=SCALE)] = False,
    cost_per_hour: Annotated[float, typer.Option(help="What the machines cost an hour, for the cost so far.", min=0, rich_help_panel=SCALE)] = 0.0,
    **settings: Any,
) -> None:
    """Measure recordings: who was seen and heard when, and what they expressed."""
    from attune import batch

    given = Settings.of(**settings)
    files = batch.find(paths)
    if not files:
        raise AttuneError(f"nothing to measure in {', '.join(paths)}; expected media files, or folders that hold some")
    if all(map(_absent, files)):
        raise AttuneError(f"no file {', '.join(map(str, files))}; expected a video, a sound file or a picture, or a folder or pattern of them")
    limits = batch.Limits(time_limit, None if memory_limit is None else memory_limit * 1e9, retries)
    with _Bars(
        TextColumn("{task.fields[file]}", style="bold", markup=False, table_column=Column(max_width=NAMED, no_wrap=True)),
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True,
    ) as bar:
        shown = _Shown(bar, len(files), cost_per_hour)
        failed, told, stopped = 0, set[str](), False
        try:
            _end_as_by_keys()
            for result in batch.run(
                files, out, given, formats=formats, page=page, again=again, workers=workers, hook=shown.step, engine=engine, address=ray_address, gpus=gpus,
                limits=limits, cache=cache, largest=None if largest is None else largest * 1e9, hashed=hash_remote,
            ):
                failed += bool(result.error)
                shown.done(result)
                bar.console.print(_line(result, told), highlight=False, soft_wrap=True)
        except KeyboardInterrupt:
            stopped = True
    if stopped:
        console.print(f"stopped; {shown.count - failed} of {len(files)} done, and kept: the same command goes on with the others", highlight=False)
        raise typer.Exit(STOPPED)
    if len(files) > 1:
        console.print(f"[dim]{shown.count} files, {shown.so_far()}[/]", highlight=False)
    if failed:
        console.print(f"\n{len(files) - failed} of {len(files)} measured; the others are in {batch.places.join(out, batch.FAILURES)}")
        raise typer.Exit(FAILED)


def _absent(file: str | Path) -> bool:
    """Whether a path leads nowhere; of an address, and of what can't be looked at, measuring says so."""
    try:
        os.stat(file)
    except FileNotFoundError:
        return "://" not in str(file)
    except (OSError, ValueError):
        return False
    return False


def _end_as_by_keys() -> None:
    """SIGTERM, by which a cluster takes its machine back, ends a run as Ctrl-C does: workers and what they fetched go with it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _from_settings() -> Any:
    """The measure command with one option per field of `Settings`."""
    hints = get_type_hints(Settings)
    own = [p for p in inspect.signature(_measure, eval_str=True).parameters.values() if p.kind != p.VAR_KEYWORD]
    options = []
    for f in fields(Settings):
        facts = f.metadata
        unit = f" ({facts['unit']})" if facts["unit"] else ""
        flag, says, kind = f"--{f.name.replace('_', '-')}", facts["reason"], None
        if f.default is True:                         # one flag, that changes the default: narrow columns leave room for the words
            flag, says = f" /--no-{flag[2:]}", f"don't {says}"
        elif get_origin(hints[f.name]) is Literal:
            kind = "<choice>"
        option = typer.Option(flag, help=f"{says[0].upper()}{says[1:]}{unit}.", rich_help_panel="Settings", metavar=kind,
                              show_default=not isinstance(f.default, bool))
        options.append(inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=Annotated[hints[f.name], option]))
    parameters = [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *options]

    def measure(**given: Any) -> None:
        _measure(**given)

    measure.__doc__ = _measure.__doc__
    measure.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    measure.__annotations__ = {p.name: p.annotation for p in parameters}
    return measure


app.command(rich_help_panel=MEASURE)(_from_settings())


class _Bars(Progress):
    """Bars, and below them a line that is made anew each time they are drawn."""

    below: Callable[[], str] = str

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if said := self.below():
            yield Text(said, "dim", no_wrap=True, overflow="ellipsis")


class _Shown:
    """The progress of all files (how many, hours of media, how fast, what it has cost, how long it will take), and of each under way: its step."""

    NAMES: ClassVar = {"face": "faces", "voice": "voice", "text": "words", "recogniser": "recognising words", "speakers": "speakers"}

    def __init__(self, bar: _Bars, files: int, cost_per_hour: float = 0.0) -> None:
        self.bar, self.files, self.cost_per_hour = bar, files, cost_per_hour
        self.count, self.media, self.began, self.lock = 0, 0.0, time.monotonic(), threading.Lock()
        self.under_way: dict[str, tuple[TaskID, str]] = {}
        self.all = bar.add_task("", total=files, file="all files", rate="") if files > 1 else None
        bar.below = self.so_far if files > 1 else str

    def step(self, file: str, step: str, done: float, total: float) -> None:
        with self.lock:                   # steps come from as many threads as there are workers
            task, current = self.under_way.get(file) or (self.bar.add_task("", total=total or None, file=Path(file).name, rate=""), "")
            if current != step:
                self.bar.reset(task, description=self.NAMES.get(step, step), total=total or None)
            self.under_way[file] = task, step
            self.bar.update(task, completed=done)
            speed = next((t.speed for t in self.bar.tasks if t.id == task), None)
            self.bar.update(task, rate=f"{speed:.1f} x real time" if speed else "")

    def done(self, result: Any) -> None:
        with self.lock:
            self.count += 1
            self.media += 0 if result.skipped or result.error else result.seconds
            if result.source in self.under_way:
                self.bar.remove_task(self.under_way.pop(result.source)[0])
            if self.all is not None:
                self.bar.update(self.all, completed=self.count, description=f"{self.count}/{self.files}")

    def so_far(self) -> str:
        """Hours of media that were measured, how fast, at what cost."""
        hours = max(time.monotonic() - self.began, 1e-3) / 3600       # it is asked for at once, where a clock may not have ticked yet
        media = self.media / 3600
        cost = f", cost {hours * self.cost_per_hour:.2f}" if self.cost_per_hour else ""
        return f"{media:.2f} h of media, {media / hours:.1f} x real time, {self.count / hours / 60:.1f} files/min{cost}"


def _line(result: Any, told: set[str]) -> str:
    """A file in a line, and a line for each note; what a note advises is said once, with the first file (`told`)."""
    name = escape(result.source)
    if result.error:
        return f"[red]✗[/] {name}  [red]{escape(result.error)}[/]"
    if result.skipped:
        return f"[dim]– {name}  done before ({escape(str(result.folder))}); --again measures it anew[/]"
    notes = "".join(f"\n  [yellow]·[/] {escape(note.partition(': ')[0] if note in told else note)}" for note in result.notes)
    told.update(result.notes)
    page = result.folder / "report.html" if isinstance(result.folder, Path) else None
    where = page if page and page.exists() else result.folder
    return f"[green]✓[/] {name}  {result.summary}  [cyan]{escape(str(where))}[/]{notes}"


@app.command(rich_help_panel=MEASURE)
def show(recording: Annotated[Path, typer.Argument(help="A folder that `attune measure` wrote.")],
         rows: Annotated[int, typer.Option(help="Rows shown at most; 0 for all.", min=0)] = 40) -> None:
    """Show a recording's table in the terminal."""
    from attune import batch, export

    rec = export.read(recording)
    out_console.print(f"[bold]{escape(rec.source)}[/]  {batch.lasting(rec)}, {batch.folk(rec)}", highlight=False)
    for note in rec.notes:
        out_console.print(f"[yellow]·[/] {escape(note)}", highlight=False)
    sets = [next((e for e in rec if e.modality == m and e.taxonomy.kind != "dimensional"), None) for m in ("face", "voice", "text", "fused")]
    there = [e for e in sets if e is not None]
    fits = there if out_console.width >= WIDE else there[-1:]             # what they come to together
    out_console.print(_table(rec, fits, rows))
    if rows and len(rec.segments) > rows:
        out_console.print(f"[dim]{len(rec.segments) - rows} more rows; --rows 0 shows all[/]")
    if len(fits) < len(there):
        left = ", ".join(e.modality for e in there[:-1])
        out_console.print(f"[dim]{left}: in a window of {WIDE} columns or more (this has {out_console.width}), and in the report[/]", highlight=False)


def _table(rec: Any, sets: Sequence[Any], limit: int) -> Table:
    """Time, person, strongest label of each of the sets, valence and arousal, words."""
    import numpy as np

    from attune import export

    columns = export.table(rec).to_pydict()
    by_name = {e.name: e for e in rec}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in (*(["time"] if rec.duration else []), "person", *(e.modality for e in sets), "valence", "arousal", "words"):
        table.add_column(name, justify="right" if name in ("time", "valence", "arousal") else "left", no_wrap=name != "words")
    for i, s in enumerate(rec.segments[: limit or None]):
        cells = [*([f"{s.start:.1f}–{s.end:.1f}"] if rec.duration else []), escape(s.person)]
        for e in sets:
            suffix = "_projected" if e.projected else ""
            values = np.array([columns[f"{e.name}.{label}{suffix}"][i] for label in e.taxonomy.labels], np.float64)
            if np.isnan(values).all():
                cells.append(f"[dim]{columns[f'{e.modality}.reason'][i]}[/]")
                continue
            k = int(np.nanargmax(values))
            colour = e.taxonomy.colours.get(e.taxonomy.labels[k], "")
            cells.append(f"[{colour or 'none'}]{e.taxonomy.labels[k]}[/] [dim]{values[k]:.2f}[/]")
        vad = by_name.get("fused.vad")
        for name in ("valence", "arousal"):
            value = round(float(vad.label(name)[i]), 2) + 0.0 if vad is not None else float("nan")        # no -0.00
            cells.append("[dim]–[/]" if np.isnan(value) else f"[{'green' if value > 0 else 'red'}]{value:+.2f}[/]" if name == "valence" else f"{value:+.2f}")
        table.add_row(*cells, escape(s.text))
    return table


@app.command(rich_help_panel=MEASURE)
def report(recording: Annotated[Path, typer.Argument(help="A folder that `attune measure` wrote.")],
           out: Annotated[Path | None, typer.Option(help="The HTML file; by default report.html in that folder.")] = None) -> None:
    """Write a recording's report, one self-contained HTML file."""
    from attune import export
    from attune import report as page

    path = page.write(export.read(recording), out or recording / "report.html")
    out_console.print(f"[green]✓[/] [cyan]{escape(str(path))}[/]", highlight=False)
