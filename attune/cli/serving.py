"""`attune serve`: measuring over HTTP, on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from attune.cli.app import SERVE, app, console, escape
from attune.errors import AttuneError, MissingExtra


@app.command(rich_help_panel=SERVE)
def serve(
    data: Annotated[Path, typer.Option(help="The only folder that the server writes to.")] = Path("attune-server"),
    host: Annotated[str, typer.Option(help="Address to listen on; any but this machine's own needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: a free one.", min=0, max=65535)] = 8000,
    database: Annotated[str, typer.Option(help="postgresql://USER@HOST/NAME; by default SQLite in the data folder. Or ATTUNE_DATABASE.")] = "",
    keys: Annotated[Path | None, typer.Option(help="File of keys that may ask, one a line. Or ATTUNE_KEYS, separated by commas.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that measure jobs; 0: accept only.", min=0, max=256)] = 1,
    streamers: Annotated[int, typer.Option(help="Processes that measure streams.", min=1, max=256)] = 1,
    keep: Annotated[float, typer.Option(help="Hours that results are kept.", min=0)] = 168.0,
    keep_media: Annotated[bool, typer.Option("--keep-media", help="Keep uploads as long as results; else they are deleted once measured.")] = False,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="Fetch from, and call back to, addresses of the private network.")] = False,
    origin: Annotated[list[str], typer.Option(help="Web page elsewhere that may ask, such as https://lab.example; may be repeated.")] = [],  # noqa: B006
    name: Annotated[list[str], typer.Option(help="Further name under which the server is reached; may be repeated.")] = [],  # noqa: B006
    leave_out: Annotated[bool, typer.Option("--leave-out", help="Leave names that nothing measures out of Hume's lists, instead of score 0.")] = False,
    speak: Annotated[str, typer.Option(help="A program of this machine that speaks EVI's answers, in a machine's voice: espeak-ng.", show_default=False)] = "",
    face: Annotated[str, typer.Option(help="Model of faces, where a client names none; none: faces aren't measured.", show_default=False)] = "",
    voice: Annotated[str, typer.Option(help="Model of voices, likewise.", show_default=False)] = "",
    text: Annotated[str, typer.Option(help="Model of words, likewise.", show_default=False)] = "",
    commercial_safe: Annotated[bool, typer.Option("--commercial-safe", help="Take only models that may be used commercially, whatever clients ask.")] = False,
    limit: Annotated[list[str], typer.Option(help="NAME=NUMBER, such as upload_bytes=1000000; docs/server.md lists them; may be repeated.")] = [],  # noqa: B006
) -> None:
    """Serve measuring over HTTP: a live page, Hume's interfaces v0 and v1, our own /v1 with its page at /docs."""
    try:
        import uvicorn

        from attune.measure import load_models
        from attune.server.app import create_app
        from attune.server.config import HOUR, Config
        from attune.settings import Settings
        from attune.text import recognisers
    except ModuleNotFoundError as error:
        raise MissingExtra(f"this needs {error.name}: pip install 'attune[serve]'") from error
    models = {modality: None if chosen == "none" else chosen for modality, chosen in (("face", face), ("voice", voice), ("text", text)) if chosen}
    settings = Settings.of(**models, commercial_safe=commercial_safe)
    load_models(settings)                 # refused or unknown ones are an error now, not with the first client
    config = Config(
        data=data.resolve(), settings=settings, database=database or os.environ.get("ATTUNE_DATABASE", ""), host=host, port=port, keys=_keys(keys),
        names=tuple(name), origins=tuple(origin), workers=workers, streamers=streamers, retention=keep * HOUR, keep_media=keep_media,
        allow_private=allow_private, fill=not leave_out, speak=speak, limits=_limits(limit))
    config.data.mkdir(parents=True, exist_ok=True)
    application = create_app(config)
    where = escape(f"http://{host}:{port}") if port else "the address below"
    console.print(f"[bold]Attune[/] measures expression, it doesn't read minds. People who are measured must be told ({where}/v1/notice).", highlight=False)
    console.print(f"The live page: [cyan]{where}[/]; for programs: {where}/docs. Ctrl-C ends it.", highlight=False, soft_wrap=True)
    if recognisers.first(settings.recogniser) is None and settings.text:
        console.print("[yellow]·[/] no recogniser is here: words are known only from transcripts and as typed (pip install 'attune\\[whisper]', "
                      "then attune models add whisper_small)", highlight=False, soft_wrap=True)
    uvicorn.run(application, host=host, port=port, log_level="info", ws_max_size=config.limits.stream_bytes + 1024, timeout_graceful_shutdown=10,
                server_header=False)


def _keys(file: Path | None) -> tuple[str, ...]:
    given = os.environ.get("ATTUNE_KEYS", "").split(",")
    if file is not None:
        try:
            given += file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise AttuneError(f"the keys in {file} can't be read ({error}); expected a text file with one key a line") from error
    return tuple(dict.fromkeys(k.strip() for k in given if k.strip() and not k.startswith("#")))


def _limits(given: list[str]) -> Any:
    from dataclasses import asdict, fields

    from attune.errors import SettingError, unknown
    from attune.server.config import Limits

    kinds = {f.name: type(f.default) for f in fields(Limits)}
    chosen = asdict(Limits())
    for one in given:
        name, _, number = one.partition("=")
        if name not in kinds:
            raise unknown("limit", name, kinds)
        try:
            chosen[name] = kinds[name](number)
        except ValueError:
            raise SettingError(f"limit {one!r}; expected {name}=NUMBER") from None
    return Limits(**chosen)
