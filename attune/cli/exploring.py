"""`attune explore` and `attune find`: what a corpus holds, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from attune.cli.app import RESEARCH, app, console, escape, out_console
from attune.errors import SettingError


@app.command(rich_help_panel=RESEARCH)
def explore(
    corpus: Annotated[Path, typer.Argument(help="A folder with recordings that `attune measure` wrote, or one recording's.")],
    out: Annotated[Path, typer.Option(help="Folder for page, figures and numbers.")] = Path("explored"),
    about: Annotated[Path | None, typer.Option(help="CSV or Parquet with a column `recording`; its other columns colour the maps.", show_default=False)] = None,
    speaker: Annotated[str, typer.Option(help="Column of --about: who speaks in a recording of one person.", show_default=False)] = "",
    null: Annotated[str | None, typer.Option(
        help="How chance is made: shift (conversations) or shuffle (single clips).", show_default="shuffle with --speaker")] = None,
    permutations: Annotated[int, typer.Option(help="Permutations of associations.", min=1)] = 199,
    sample: Annotated[int, typer.Option(help="Rows of a map.", min=3)] = 1000,
    dimension: Annotated[str, typer.Option(help="Whose synchrony is looked for: valence, arousal or dominance.")] = "valence",
    seed: Annotated[int, typer.Option(help="Seed of samples and permutations.")] = 0,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Draw SVG and PNG (needs matplotlib).")] = True,
) -> None:
    """Explore a corpus or a recording: what is expressed, together or apart, mapped, over time, and what is missing."""
    from attune import explore as flow

    if null not in (None, "shift", "shuffle"):
        raise SettingError(f"--null {null}; expected shift or shuffle")
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading")

        def step(name: str, done: float, total: float) -> None:
            bar.update(task, description=name, completed=done, total=total)

        found = flow.explore(corpus, about=about, speaker=speaker, null=null, permutations=permutations, sample=sample, dimension=dimension,  # type: ignore[arg-type]
                             seed=seed, hook=step)
        bar.update(task, description="drawing", total=None)
        written = found.write(out, figures=figures)
    f = found.facts
    out_console.print(f"[bold]{escape(f['corpus'])}[/]  {f['recordings']:,} recordings, {f['hours']:.1f} h, {f['rows']:,} rows", highlight=False)
    for name, rows in _by(found.tables["labels"].to_pylist()).items():
        top = sorted((r for r in rows if r["top"]), key=lambda r: r["place"])
        if top:
            out_console.print(f"  {name:<18} {', '.join(r['label'] for r in top)}", highlight=False)
    for r in found.tables["associations"].to_pylist():
        if r["way"] == "per_dimension":
            out_console.print(f"  {r['one']} and {r['other']}: rho {r['rho']:.2f}, by chance {r['chance']:.2f}, p {r['p']:.3f}, n {r['n']:,}"
                              f"{', projected' if r['projected'] else ''}", highlight=False)
    for r in found.tables["discord"].to_pylist():
        out_console.print(f"  discord by {r['measure']}: {r['share']:.1%} of {r['moments']:,} moments, by chance {r['by_chance']:.1%}", highlight=False)
    where = f"[cyan]{escape(str(out))}[/]; look at [cyan]{escape(str(out / 'explore.html'))}[/]"
    console.print(f"[green]✓[/] {len(written)} files in {where}", highlight=False, soft_wrap=True)


def _by(rows: list[dict[str, object]]) -> dict[str, list[dict[str, object]]]:
    out: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        out.setdefault(str(row["set"]), []).append(row)
    return out


@app.command(rich_help_panel=RESEARCH)
def find(
    query: Annotated[str, typer.Argument(help='What to look for, as in "sad but smiling" (docs/explore.md has the language).')],
    corpus: Annotated[Path, typer.Argument(help="A folder with recordings that `attune measure` wrote, or one recording's.")],
    limit: Annotated[int, typer.Option(help="Moments at most, the clearest; 0 for all.", min=0)] = 20,
    clips: Annotated[Path | None, typer.Option(help="Folder for the moments as media clips.", show_default=False)] = None,
    media: Annotated[list[Path], typer.Option(help="Where the sources lie, for --clips; may be repeated.", show_default=False)] = [],  # noqa: B006
    calibration: Annotated[str, typer.Option(help="Which levels: attune, repo-2023 or paper-2023.")] = "attune",
) -> None:
    """Find moments by what is expressed in them."""
    from attune import find as finding

    found = finding.find(query, corpus, limit=limit or None, table=calibration)
    if not found:
        out_console.print("no moment; ask for less: a lower level, or `or` for `and`")
        raise typer.Exit
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("recording", "time", "person", "face", "voice", "text", "words"):
        table.add_column(name, no_wrap=name == "time")
    for m in found:
        said = (m.says.get(modality, "") for modality in ("face", "voice", "text"))
        table.add_row(escape(m.recording), f"{_clock(m.start)}–{_clock(m.end)}" if m.end else "a picture", escape(m.person), *said, escape(m.text))
    out_console.print(table)
    if limit and len(found) == limit:
        out_console.print(f"[dim]the {limit} clearest; --limit 0 lists all[/]")
    if clips is not None:
        from attune.find import clips as cutting

        written, notes = cutting.export(found, clips, folders=media)
        for note in notes:
            console.print(f"[yellow]·[/] {escape(note)}", highlight=False)
        console.print(f"[green]✓[/] {len(written)} clips in [cyan]{escape(str(clips))}[/]", highlight=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"
