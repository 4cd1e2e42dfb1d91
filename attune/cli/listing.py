"""`attune taxonomies` and `attune corpora`: what is here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import typer
from rich.table import Table

from attune.cli.app import FAILED, RESEARCH, app, entry, escape, out_console


@app.command(rich_help_panel=RESEARCH)
def taxonomies(name: Annotated[str | None, typer.Argument(help="One of them, for its labels and crosswalks.", show_default=False)] = None) -> None:
    """List the taxonomies and the crosswalks between them."""
    from attune import taxonomy as t

    if name is None:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in ("taxonomy", "labels", "kind", "crosswalks to"):
            table.add_column(column)
        for known in t.names():
            it = t.taxonomy(known)
            table.add_row(known, str(len(it)), it.kind, ", ".join(t.crosswalks(known)))
        out_console.print(table)
        return
    it = t.taxonomy(name)
    out_console.print(f"[bold]{it.name}[/]  {it.title}\n{len(it)} labels, {it.kind}, {it.range[0]:g}..{it.range[1]:g}", highlight=False)
    out_console.print(f"[dim]{escape(it.reference)}[/]\n", highlight=False)
    out_console.print(", ".join(it.labels), highlight=False)
    for target, walk in t.crosswalks(name).items():
        out_console.print(f"\n[bold]→ {target}[/]  {walk.coverage()}\n[dim]{escape(walk.reference)}[/]", highlight=False)


corpora = typer.Typer(invoke_without_command=True, rich_markup_mode="rich")
app.add_typer(corpora, name="corpora", rich_help_panel=RESEARCH)


@corpora.callback()
def list_corpora(context: typer.Context) -> None:
    """List the corpora that can be read; nothing is downloaded."""
    if context.invoked_subcommand:
        return
    from attune import datasets, weights

    for name in datasets.names():
        facts = datasets.load(name).FACTS
        free, languages = facts["license_class"] in weights.COMMERCIAL, facts.get("languages", ())
        speakers = re.split("[;:(]|, ", str(facts.get("speakers", "")))[0].strip()
        entry([(name, 22, "bold"), (facts["license_class"], 15, "green" if free else "yellow"), (", ".join(facts.get("modalities", ())), 29, ""),
               (", ".join(languages[:3]) + " ..." * (len(languages) > 3), 15, ""), (f"{speakers} people" if speakers[-1:].isdigit() else speakers, 1, "")],
              f"{facts['title']}: {', '.join((facts['taxonomy'], *facts.get('more', ())))}")
    out_console.print("\n[dim]attune corpora show NAME says how to get it and what misleads; attune corpora check NAME DIR says what is missing.[/]")


@corpora.command("show")
def show_corpus(name: Annotated[str, typer.Argument(help="One of the corpora.", show_default=False)]) -> None:
    """Say what a corpus is, how to get it, how it is split, and what misleads."""
    from attune import datasets

    facts = datasets.load(name).FACTS
    out_console.print(f"[bold]{name}[/]  {escape(facts['title'])}\n[dim]{escape(facts['citation'])}[/]\n", highlight=False)
    for title, text in (("licence", facts["license"]), ("to get it", facts["obtain"]), ("speakers", facts["speakers"]),
                        ("labels", ", ".join((facts["taxonomy"], *facts.get("more", ()))))):
        out_console.print(f"[bold]{title}[/]  {escape(str(text))}", highlight=False)
    for split, what in facts["splits"].items():
        out_console.print(f"[bold]{split}[/]  {escape(what)}", highlight=False)
    for trap in facts["traps"]:
        out_console.print(f"[yellow]·[/] {escape(trap)}", highlight=False)
    for option, kind in datasets.options(datasets.load(name)).items():
        choices = ", ".join(get_args(kind)) if get_origin(kind) is Literal else {bool: "yes, no", float: "a number"}.get(kind, "a name")
        out_console.print(f"[bold]--with {option}=[/]{choices}  [dim]for attune evaluate[/]", highlight=False)


@corpora.command("check")
def check_corpus(
    name: Annotated[str, typer.Argument(help="One of the corpora.", show_default=False)],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it lies.", show_default=False)],
) -> None:
    """Say how much of a corpus a folder holds, and what is missing."""
    from attune import datasets

    found = datasets.check(name, folder)
    for pattern, (here, official) in found.files.items():
        colour = "green" if here and official in (None, here) else "yellow" if here else "red" if official else "dim"
        out_console.print(f"[{colour}]{here:6,}[/] {escape(pattern)}" + (f"  [dim]of {official:,}[/]" if official is not None else ""), highlight=False)
    items = ", ".join(f"{split} {n:,}" for split, n in found.items.items())
    unit = datasets.unit(datasets.load(name).FACTS)
    out_console.print(f"[bold]{sum(found.items.values()):,} items[/]" + (f" ({items})" if items else "") + f", {found.speakers:,} {unit}", highlight=False)
    shown = 12
    for problem in found.problems[:shown]:
        out_console.print(f"[yellow]·[/] {escape(problem)}", highlight=False, soft_wrap=True)
    if len(found.problems) > shown:
        out_console.print(f"[dim]and {len(found.problems) - shown} more of the kind[/]")
    if found.broken or not found.items:
        if found.items:
            out_console.print("[red]✗[/] can't be evaluated before that is mended: the first problem above")
        raise typer.Exit(FAILED)
    out_console.print("[green]✓[/] complete" if not found.problems else "[yellow]usable, with what is said above[/]")
