"""`attune export` and `attune import`: recordings in the formats that researchers exchange."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from attune.cli.app import RESEARCH, app, entry, escape, out_console
from attune.errors import SettingError


@app.command("export", rich_help_panel=RESEARCH)
def export_as(
    recording: Annotated[Path | None, typer.Argument(help="A folder that `attune measure` wrote; without it, the formats.", show_default=False)] = None,
    name: Annotated[str, typer.Option("--as", help="The format.")] = "csv",
    out: Annotated[str | None, typer.Option(help="The file to write, or a folder for it (FOLDER/); by default named like the recording, here.",
                                            show_default=False)] = None,
) -> None:
    """Write a recording in another format, and say what that loses."""
    from attune import export, exports

    if recording is None:
        _list()
        return
    module = exports.load(name)
    own = f"{recording.resolve().name}{module.SUFFIX or f'_{name}'}"
    path = Path(own) if out is None else Path(out)
    if module.SUFFIX and (path.is_dir() or str(out).endswith(("/", os.sep))):
        path = path / own
    written = exports.write(export.read(recording), path, name)
    out_console.print(f"[green]✓[/] [cyan]{escape(str(written))}[/]  {module.FACTS['title']}", highlight=False, soft_wrap=True)
    out_console.print(f"[dim]loses {escape(module.FACTS['loses'])}[/]", highlight=False)


@app.command("import", rich_help_panel=RESEARCH)
def import_from(
    file: Annotated[Path, typer.Argument(help="A file or folder of another tool.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the recording; for several, a folder with one for each.")] = Path("imported"),
    name: Annotated[str | None, typer.Option("--as", help="The format; by default told from the content.", show_default=False)] = None,
    fps: Annotated[float | None, typer.Option(help="Pictures per second, for tables that don't say it (Py-Feat).", show_default=False, min=0.01)] = None,
    baseline: Annotated[str | None, typer.Option(help="own: fused labels less the habits of the recording's people, found in it.", show_default=False)] = None,
) -> None:
    """Read what another tool measured or annotated into a recording that `show`, `report`, `describe` and `explore` take."""
    from attune import export, exports

    if baseline not in (None, "own"):
        raise SettingError(f"--baseline={baseline}; expected own: files of `attune baseline learn` are of models that measure here (attune measure --baseline)")
    module = exports.load(name or exports.recognised(file))
    options: dict[str, Any] = {}
    if fps is not None:
        if "fps" not in inspect.signature(module.read).parameters:
            raise SettingError(f"--fps={fps:g}; {module.NAME} states its own times; expected it only for tables that count pictures, such as fex")
        options["fps"] = fps
    found = [module.read(file, **options)] if options or not hasattr(module, "read_all") else list(module.read_all(file))
    taken: set[str] = set()
    for one in map(exports.beside_own, found) if baseline else found:
        folder = out if len(found) == 1 else out / _free(Path(one.source).stem or "recording", taken)
        export.write(one, folder)
        sets = ", ".join(e.name for e in one if e.modality != "fused") or "words"
        out_console.print(f"[green]✓[/] {escape(one.source)}  {one.duration:.1f} s, {sets}  [cyan]{escape(str(folder))}[/]", highlight=False, soft_wrap=True)
        for note in one.notes:
            out_console.print(f"  [yellow]·[/] {escape(note)}", highlight=False, soft_wrap=True)


def _free(name: str, taken: set[str]) -> str:
    """A name for a folder that no recording before has."""
    safe = "".join("_" if c in '/\\:*?"<>|' else c for c in name)
    free = next(n for n in (safe, *(f"{safe}_{i}" for i in range(2, len(taken) + 3))) if n not in taken)
    taken.add(free)
    return free


def _list() -> None:
    """Each format: what it is, how its files end, and what it loses."""
    from attune import exports

    for name in exports.names():
        module = exports.load(name)
        entry(((name, 11, "bold"), (module.SUFFIX or "folder", 10, "cyan"), (module.FACTS["title"], 50, "")), f"loses {module.FACTS['loses']}")
    out_console.print("[dim]attune export RECORDING --as FORMAT; what each keeps, and who reads it: docs/exports.md[/]", highlight=False)
