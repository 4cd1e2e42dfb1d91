"""The one place that reaches for a network, and only when `attune models add` was asked to.

Files come by plain HTTPS, from the Hugging Face hub or where else their authors put them, into a folder beside the others; what was half
fetched goes on where it stopped. Once all are there they are compared with what is pinned and written down. `HF_ENDPOINT` names another
hub, `HF_TOKEN` is sent to the hub alone, `ATTUNE_OFFLINE` forbids it all.
"""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

from attune.checkpoints import Checkpoint, alternatives, locked, sha256, verify, write_lock
from attune.errors import WeightsError

HUB = "https://huggingface.co"
LATEST = "main"
PIECE = 1 << 20                          # bytes read at once
TIMEOUT = 60.0                           # s without a byte
Hook = Callable[[str, float, float], None]      # file, bytes done, bytes in all (NaN: unknown)


def offline() -> bool:
    """Whether the network is forbidden: ATTUNE_OFFLINE is set, and to something that means yes."""
    return os.environ.get("ATTUNE_OFFLINE", "").strip().lower() not in ("", "0", "no", "false")


def add(checkpoint: Checkpoint, name: str, *, source: Path | None = None, revision: str = "", forbidden: bool = False, hook: Hook | None = None) -> Path:
    """Bring a checkpoint here, check it and write down what came.

    Parameters
    ----------
    checkpoint, name : whose it is
    source : a folder that holds its files already, from which they are copied; None: the network
    revision : the commit to take; by default the pinned one, else the one that was added before, else the newest
    forbidden : refuse the network, as ATTUNE_OFFLINE does
    hook : called as hook(file, done, total), in bytes

    Returns
    -------
    Its folder.

    Raises
    ------
    WeightsError
        If the network is forbidden, a file isn't there or isn't what it should be; nothing of it is then left to be used.
    """
    before = locked(checkpoint)
    wanted = revision or checkpoint.revision or before.get("revision", "") or LATEST
    if before and checkpoint.present and wanted == before.get("revision") and source is None:
        verify(checkpoint, name, again=True)
        return checkpoint.folder
    if source is None and (forbidden or offline()):
        raise WeightsError(f"offline: {checkpoint.id} can't be fetched; add {name} from a folder by --from DIR, or allow the network")
    staged = checkpoint.folder.with_name(checkpoint.folder.name + ".part")
    staged.mkdir(parents=True, exist_ok=True)
    resolved, came = wanted, []
    for entry in checkpoint.files:
        if source is not None:
            file = _copied(checkpoint, source, entry, staged)
            resolved = revision or checkpoint.revision or before.get("revision", "")
        else:
            file, found = _fetched(checkpoint, entry, wanted, staged, hook)
            resolved = found or resolved
        came += [file] if file else []
    _compare(checkpoint, name, came, staged, before if not revision or revision == before.get("revision") else {})
    if checkpoint.folder.resolve() != (source.resolve() if source else None):
        shutil.rmtree(checkpoint.folder, ignore_errors=True)
        staged.rename(checkpoint.folder)
    else:
        shutil.rmtree(staged)
    write_lock(checkpoint, resolved)
    return checkpoint.folder


def remove(checkpoint: Checkpoint) -> None:
    """Delete a checkpoint from this machine; nothing happens if it isn't there."""
    for path in (checkpoint.folder, checkpoint.folder.with_name(checkpoint.folder.name + ".part")):
        if path.is_dir():
            shutil.rmtree(path)


def address(checkpoint: Checkpoint, file: str, revision: str) -> str:
    """Where a file is published."""
    if checkpoint.url:
        return checkpoint.url.format(revision=revision, file=quote(file))
    hub = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    return f"{hub}/{checkpoint.id}/resolve/{quote(revision, safe='')}/{quote(file)}"


def _copied(checkpoint: Checkpoint, source: Path, entry: str, staged: Path) -> str:
    """The file of an entry that was copied; "" if there is none, and none is needed."""
    for file in alternatives(entry):
        for path in (source / file, source / Path(file).name, source / checkpoint.id.replace("/", "--") / file):
            if path.is_file():
                (staged / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, staged / file)
                return file
    if entry.endswith("?"):
        return ""
    shutil.rmtree(staged, ignore_errors=True)
    raise WeightsError(f"no {' or '.join(alternatives(entry))} in {source}, a file of {checkpoint.id}")


def _fetched(checkpoint: Checkpoint, entry: str, revision: str, staged: Path, hook: Hook | None) -> tuple[str, str]:
    """The file of an entry that there is ("" if none is and none is needed), and the commit it came from ("" if nobody says)."""
    choices = alternatives(entry)
    for file in choices:
        url = address(checkpoint, file, revision)
        try:
            return file, _download(url, staged / file, file, hook)
        except urllib.error.HTTPError as error:
            if error.code == 404 and (file != choices[-1] or entry.endswith("?")):
                continue
            reasons = {401: "its licence must be accepted on its page first, and HF_TOKEN be set", 403: "access isn't allowed", 404: "there is no such file"}
            raise WeightsError(f"{url} answered {error.code}: {reasons.get(error.code, error.reason)}") from error
        except (urllib.error.URLError, OSError) as error:
            raise WeightsError(f"{url} can't be fetched ({error}); what came is kept, try again or add from a folder by --from DIR") from error
    return "", ""


def _download(url: str, path: Path, file: str, hook: Hook | None) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    part, tag = path.with_name(path.name + ".part"), path.with_name(path.name + ".etag")
    done = part.stat().st_size if part.is_file() and tag.is_file() else 0
    headers = {"User-Agent": "attune"}
    if done:                              # go on only if it is still the same file there
        headers |= {"Range": f"bytes={done}-", "If-Range": tag.read_text(encoding="utf-8")}
    token = os.environ.get("HF_TOKEN")
    if token and urlsplit(url).netloc == urlsplit(os.environ.get("HF_ENDPOINT", HUB)).netloc:
        headers["Authorization"] = f"Bearer {token}"
    opener = urllib.request.build_opener(_Redirect())
    with opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
        continued = answer.status == 206
        done = done if continued else 0
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else float("nan")
        if answer.headers.get("ETag"):
            tag.write_text(answer.headers["ETag"], encoding="utf-8")
        with part.open("ab" if continued else "wb") as out:
            while block := answer.read(PIECE):
                out.write(block)
                done += len(block)
                if hook:
                    hook(file, done, total)
        commit = _Redirect.commit(answer)
    if total == total and done != total:
        raise OSError(f"it ended after {done:,} of {total:,.0f} bytes")
    part.replace(path)
    tag.unlink(missing_ok=True)
    return commit


class _Redirect(urllib.request.HTTPRedirectHandler):
    """Follows to another host without the token, and keeps the commit that the hub names before it sends us there."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):      # type: ignore[no-untyped-def]
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None:
            if urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
                new.headers.pop("Authorization", None)
            new.commit = headers.get("X-Repo-Commit") or getattr(req, "commit", "")      # type: ignore[attr-defined]
        return new

    def http_response(self, request, response):      # type: ignore[no-untyped-def]
        response.commit = response.headers.get("X-Repo-Commit") or getattr(request, "commit", "")
        return response

    https_response = http_response

    @staticmethod
    def commit(answer: object) -> str:
        return str(getattr(answer, "commit", ""))


def _compare(checkpoint: Checkpoint, name: str, came: list[str], staged: Path, before: dict) -> None:      # type: ignore[type-arg]
    """Refuse what isn't pinned so, or isn't what came the first time."""
    for file in came:
        found = sha256(staged / file)
        earlier = before.get("files", {}).get(file, {}).get("sha256")
        for expected, whose in ((checkpoint.sha256.get(file), "its facts"), (earlier, "the lock of the day it was first added")):
            if expected and found != expected:
                shutil.rmtree(staged, ignore_errors=True)
                raise WeightsError(
                    f"{file} of {checkpoint.id} came with the SHA-256 {found[:16]}..., expected {expected[:16]}... by {whose}; it is refused. "
                    f"If its authors changed it and you trust them: attune models remove {name}, then add it again"
                )
