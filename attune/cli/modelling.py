"""`attune models`: what is here, what can be added, whether it is what it should be, and which of two is better."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.prompt import Confirm
from rich.table import Table

from attune.cli.app import FAILED, MEASURE, app, console, entry, escape, out_console
from attune.errors import SettingError, WeightsError, unknown

FOLDERS = {"face": "attune.face.models", "voice": "attune.voice.models", "text": "attune.text.models", "recogniser": "attune.text.recognisers",
           "diarizer": "attune.voice.diarizers"}
Name = Annotated[str, typer.Argument(help="One of the models, or huggingface:owner/name:taxonomy, or onnx:FILE.toml.", show_default=False)]
Kind = Annotated[str | None, typer.Option("--kind", help="face, voice or text, where the name doesn't tell.", show_default=False)]

models = typer.Typer(invoke_without_command=True, rich_markup_mode="rich")
app.add_typer(models, name="models", rich_help_panel=MEASURE)


@models.callback()
def list_models(context: typer.Context) -> None:
    """List the models that are here and those that can be added, with licence and size."""
    if context.invoked_subcommand:
        return
    from attune import checkpoints, registry, weights

    rows = [(kind, name, registry.load(folder, name)) for kind, folder in FOLDERS.items() for name in registry.names(folder)]
    rows = [(kind, name, module) for kind, name, module in rows if hasattr(module, "WEIGHTS")]
    order = ("packaged", "present", "can be added")
    for kind, name, module in sorted(rows, key=lambda row: (order.index(checkpoints.state(row[2])), list(FOLDERS).index(row[0]))):
        state, there = checkpoints.state(module), [f for f in weights.files(module) if f.is_file()]
        whole = len(there) == len(weights.files(module))
        size = f"{sum(f.stat().st_size for f in there) / 1e6:.1f} MB" if whole and there else "" if state == "can be added" else "missing"
        labels = ", ".join(getattr(module, "TAXONOMIES", ("turns" if kind == "diarizer" else "words",)))
        entry([(name, 24, "bold"), (kind, 11, ""), (state, 13, "dim" if state == "can be added" else "green"),
               (module.LICENSE_CLASS, 16, "green" if module.LICENSE_CLASS in weights.COMMERCIAL else "yellow"), (size, 8, "red" if size == "missing" else "")],
              f"{module.TITLE}: {labels}")
    for identity, size_ in checkpoints.others():
        entry([(identity, 36, "bold"), ("present", 13, "green"), (f"{size_ / 1e6:.1f} MB", 8, "")],
              f"added by its id: --face, --voice or --text huggingface:{identity}:TAXONOMY, or a TOML of facts, which also states its licence")
    out_console.print(
        "\n[dim]Green licences may be used commercially; --commercial-safe refuses the others. attune models show NAME says what a model was trained on; its "
        "card lies beside its weights. attune models add NAME shows a licence, asks, and fetches; nothing else does.[/]")


@models.command("show")
def show_model(name: Name, kind: Kind = None) -> None:
    """Say what a model is: its licence, what it was trained on, its inputs and outputs, where its files lie and come from."""
    from attune import checkpoints, weights

    found, module = find(name, kind)
    out_console.print(f"[bold]{escape(name)}[/]  {escape(module.TITLE)}\n[dim]{escape(module.REFERENCE)}[/]\n", highlight=False)
    facts = {
        "for": found, "state": checkpoints.state(module), "licence": f"{module.LICENSE} ({module.LICENSE_CLASS})",
        "labels": ", ".join(getattr(module, "TAXONOMIES", ())),
        "input": getattr(module, "INPUT", ""), "output": "; ".join(_told(o) for o in _outputs(module)), "trained on": module.DATA, "limits": module.LIMITS,
        "needs": ", ".join(getattr(module, "NEEDS", ())),
    }
    for title, text in facts.items():
        if text:
            out_console.print(f"[bold]{title}[/]  {escape(str(text))}", highlight=False)
    for checkpoint in getattr(module, "CHECKPOINTS", ()):
        lock = checkpoints.locked(checkpoint)
        first = f"{lock['revision']}, the first that was added" if lock.get("revision") else "none pinned: the first that is added is kept"
        revision = checkpoint.revision or first
        out_console.print(f"[bold]{escape(checkpoint.id)}[/]  revision {escape(revision)}", highlight=False)
        for path in checkpoint.paths:
            name_ = path.relative_to(checkpoint.folder).as_posix()
            known = checkpoint.sha256.get(name_) or lock.get("files", {}).get(name_, {}).get("sha256")
            mark = "[green]here[/]" if path.is_file() else "[dim]not here[/]"
            out_console.print(f"  {mark} {escape(name_)}  [dim]{f'sha256 {known[:16]}…' if known else 'no sum pinned'}[/]", highlight=False)
    if not hasattr(module, "CHECKPOINTS"):
        for path in weights.files(module):
            out_console.print(f"  {'[green]here[/]' if path.is_file() else '[red]missing[/]'} {escape(path.name)}", highlight=False)


@models.command("add")
def add_model(
    name: Name,
    kind: Kind = None,
    source: Annotated[Path | None, typer.Option("--from", help="Copy its files from this folder instead of fetching them.", show_default=False)] = None,
    revision: Annotated[str, typer.Option(help="The commit to take, by default the pinned one or the newest.", show_default=False)] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the licence without being asked.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network; as the environment variable ATTUNE_OFFLINE.")] = False,
    commercial_safe: Annotated[bool, typer.Option("--commercial-safe", help="Refuse it if its licence forbids commercial use, or isn't known.")] = False,
) -> None:
    """Fetch a model's weights, after showing its licence and asking."""
    from attune import checkpoints, weights
    from attune.checkpoints import fetch

    _, module = find(name, kind)
    if commercial_safe:
        weights.refuse_unless_commercial(module, name)
    if not getattr(module, "CHECKPOINTS", ()):
        why = getattr(module, "INSTALL", "") or "its weights are packaged with Attune, or lie beside its facts"
        console.print(f"[green]✓[/] nothing to add for {escape(name)}: {escape(why)}", highlight=False)
        return
    colour = "green" if module.LICENSE_CLASS in weights.COMMERCIAL else "yellow"
    console.print(f"[bold]{escape(module.TITLE)}[/]\nlicence: [{colour}]{escape(module.LICENSE)}[/] ({module.LICENSE_CLASS})\n"
                  f"[dim]{escape(module.REFERENCE)}[/]", highlight=False)
    for checkpoint in module.CHECKPOINTS:
        place = str(source) if source else fetch.address(checkpoint, "", revision or checkpoint.revision or fetch.LATEST)
        console.print(f"from {escape(place)}", highlight=False, soft_wrap=True)
    if not yes and not Confirm.ask("Do you accept the licence, and shall it be fetched?", console=console, default=False):
        console.print("nothing was fetched")
        raise typer.Exit(FAILED)
    with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def hook(file: str, done: float, total: float) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file, total=None)
            bar.update(tasks[file], completed=done, total=total if total == total else None)

        for checkpoint in module.CHECKPOINTS:
            fetch.add(checkpoint, name, source=source, revision=revision if len(module.CHECKPOINTS) == 1 else "", forbidden=offline, hook=hook)
    for checkpoint in module.CHECKPOINTS:
        console.print(f"[green]✓[/] {escape(checkpoint.id)} in [cyan]{escape(str(checkpoint.folder))}[/]", highlight=False, soft_wrap=True)
    missing = checkpoints.lacking(module)
    if missing:
        console.print(f"[yellow]·[/] to run it: {escape(getattr(module, 'INSTALL', checkpoints.INSTALL))}", highlight=False)


@models.command("remove")
def remove_model(name: Name, kind: Kind = None) -> None:
    """Delete the weights that `add` brought."""
    from attune.checkpoints import fetch

    _, module = find(name, kind)
    if not getattr(module, "CHECKPOINTS", ()):
        raise WeightsError(f"{name} wasn't fetched by attune models add; nothing is deleted")
    for checkpoint in module.CHECKPOINTS:
        fetch.remove(checkpoint)
    console.print(f"[green]✓[/] {escape(name)} is no longer here")


@models.command("check")
def check_model(name: Name, kind: Kind = None) -> None:
    """Run a model that is here on inputs made by code, and compare with what is published and with what it said before."""
    from attune.checkpoints import probe

    found, module = find(name, kind)
    if found in ("recogniser", "diarizer"):
        from attune.checkpoints import verify

        for checkpoint in getattr(module, "CHECKPOINTS", ()):
            checkpoint.here(name)
            verify(checkpoint, name, again=True)
        out_console.print("[green]✓[/] every file is what was added" if getattr(module, "CHECKPOINTS", ()) else "[yellow]·[/] nothing of it was added")
        return
    failed = 0
    for finding in probe.check(module, found, name):
        failed += finding.holds is False
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]·[/]"}[finding.holds]
        out_console.print(f"{mark} {escape(finding.what)}", highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(FAILED)


@models.command("compare")
def compare_models(
    first: Annotated[str, typer.Argument(metavar="A", help="A model that is here.", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="B", help="Another, of the same kind.", show_default=False)],
    on: Annotated[tuple[str, Path], typer.Option("--on", metavar="CORPUS DIR", help="A corpus of attune corpora, and where it lies.", show_default=False)],
    kind: Kind = None,
    split: Annotated[str, typer.Option(help="train, dev, test or all.")] = "test",
    into: Annotated[str | None, typer.Option(help="Compare in this taxonomy, by crosswalks.", show_default=False)] = None,
    drop_leak: Annotated[bool, typer.Option("--drop-leak", help="Leave out items that were there in training, and say so.")] = False,
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="Keep items that were there in training, and say so.")] = False,
    draws: Annotated[int, typer.Option(help="Draws of the bootstrap.", min=10)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Score two models on a corpus, on the items that both measure, and say how far apart they are, with an interval by speaker."""
    from attune.evaluate import comparing

    if drop_leak and allow_leak:
        raise SettingError("--drop-leak and --allow-leak exclude each other; choose one")
    corpus, folder = on
    plain = next((name for name in (first, second) if ":" not in name), None)
    other = kind or (find(plain)[0] if plain else None)         # what a family's is for is what the other's is for
    (ours, a), (theirs, b) = (find(name, other if ":" in name else kind) for name in (first, second))
    if ours != theirs:
        raise SettingError(f"{first} is for {ours} and {second} for {theirs}; expected two of one kind")
    leak: Literal["stop", "drop", "allow"] = "allow" if allow_leak else "drop" if drop_leak else "stop"
    result = comparing.compare((first, a), (second, b), corpus, folder, split=split, into=into, leak=leak, draws=draws, seed=seed)
    for table in result:
        title = f"{table.taxonomy}, {table.n:,} items that both measured, {table.speakers:,} {table.unit}"
        shown = Table(title=title, title_justify="left", box=None, header_style="bold")
        for column in ("figure", first, second, "difference"):
            shown.add_column(column, justify="left" if column == "figure" else "right")
        for row in table.rows:
            sure = row.difference.low > 0 or row.difference.high < 0
            shown.add_row(row.figure, f"{row.first:.3f}", f"{row.second:.3f}", f"[{'bold' if sure else 'dim'}]{row.difference}[/]")
        out_console.print(shown)
        for note in table.notes:
            out_console.print(f"[yellow]·[/] {escape(note)}", highlight=False)
    out_console.print("[dim]difference: B less A, with its 95 % interval over speakers drawn anew; bold where that doesn't hold 0[/]")


def find(name: str, kind: str | None = None) -> tuple[str, ModuleType]:
    """The kind and the module of a model or recogniser.

    Raises
    ------
    UnknownName
        If there is none of that name.
    SettingError
        If the name is a family's and doesn't say for what.
    """
    from attune import registry

    if kind is not None and kind not in FOLDERS:
        raise unknown("kind of model", kind, FOLDERS)
    if ":" in name:
        if kind is None:
            raise SettingError(f"{name} doesn't say what it is for; add --kind face, --kind voice or --kind text")
        return kind, registry.load(FOLDERS[kind], name)
    known = {n: k for k, folder in FOLDERS.items() if kind in (None, k) for n in registry.names(folder)}
    if name not in known:
        raise unknown("model", name, known)
    return known[name], registry.load(FOLDERS[known[name]], name)


def _outputs(module: ModuleType) -> tuple[Any, ...]:
    stated = getattr(module, "OUTPUTS", getattr(module, "OUTPUT", ()))
    return stated if isinstance(stated, tuple) else (stated,)


def _told(output: Any) -> str:
    """What an output is, in a few words."""
    span = f", {output.span[0]:g}..{output.span[1]:g}" if output.kind == "values" and not output.spans else ""
    without = f", without {', '.join(output.lacks)}" if output.lacks else ""
    return f"{output.taxonomy} by {output.kind}{span}{without}"
