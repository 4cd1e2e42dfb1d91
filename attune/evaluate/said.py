"""What a model says of the items of a corpus: each is fed as the model wants it, and nothing is computed twice.

A voice model gets the sound at its rate, a text model the words, a face model a crop: a picture inside a table that already is one, or
the face found in a picture or film. What was said is kept in a folder by the model's digest and the item's content, in parts
that are written as it goes, so that a run that was stopped goes on, and one with other settings of the figures costs nothing.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from attune import weights
from attune.datasets import Item
from attune.errors import AttuneError
from attune.taxonomy import taxonomy

BATCH = {"voice": 8, "text": 32, "face": 64}
EVERY = 20.0                             # s between two parts on disk
FPS = 3.0                                # pictures a second of films
FRAMED = 64                              # pixels: a smaller picture inside a table is a face already, framed as FER2013 frames it

Hook = Callable[[str, float, float], None]


def modality_of(model: Any) -> str:
    """face, voice or text: where a model's module lies, or what it states as MODALITY."""
    stated = getattr(model, "MODALITY", "")
    if stated:
        return str(stated)
    part: list[str] = model.__name__.split(".")
    if len(part) > 1 and part[1] in BATCH:
        return part[1]
    return "voice" if hasattr(model, "SAMPLE_RATE") else "face" if hasattr(model, "SIZE") else "text"


def said(model: Any, items: Sequence[Item], *, what: str = "values", folder: Path | None = None, hook: Hook | None = None) -> np.ndarray:
    """What a model says of items.

    Parameters
    ----------
    model : a module of attune/{face,voice,text}/models, or anything with its facts
    what : "values" (n, k), or "embedding" (n, d)
    folder : where it is kept; None: nowhere
    hook : called with ("model", done, total)

    Returns
    -------
    (n, k) float32; a row of NaN where nothing could be measured, or a file can't be read.
    """
    modality = modality_of(model)
    kept = Kept(folder / f"{_name(model)}-{digest(model)}" / what) if folder else Kept(None)
    keys = [key(item, modality) for item in items]
    todo = [i for i, k in enumerate(keys) if k not in kept.rows]
    if hook and len(todo) < len(items):
        hook("model", len(items) - len(todo), len(items))
    if todo:
        loaded = model.load()
        run = loaded if what == "values" else loaded.embed
        width = sum(len(taxonomy(t)) for t in model.TAXONOMIES) if what == "values" else None
        try:
            for first in range(0, len(todo), BATCH[modality]):
                batch = todo[first : first + BATCH[modality]]
                for i, row in zip(batch, _rows(run, [items[i] for i in batch], model, modality, width), strict=True):
                    kept.add(keys[i], row)
                if hook:
                    hook("model", len(items) - len(todo) + first + len(batch), len(items))
        finally:
            kept.close()
    rows = [kept.rows[k] for k in keys]
    width = max((len(r) for r in rows), default=0)
    return np.array([r if len(r) == width else np.full(width, np.nan, np.float32) for r in rows], np.float32).reshape(len(items), width)


def _rows(run: Any, items: Sequence[Item], model: Any, modality: str, width: int | None) -> Iterator[np.ndarray]:
    """One row per item, whatever can't be fed being a row of NaN (of no width where it isn't known)."""
    fed = [_fed(item, model, modality, run) for item in items]
    there = [f for f in fed if f is not None and not isinstance(f, _Done)]
    values = iter(np.asarray(run(np.stack(there) if modality == "face" else there), np.float32) if there else ())
    for f in fed:
        yield f.row if isinstance(f, _Done) else np.full(width or 0, np.nan, np.float32) if f is None else next(values)


class _Done:
    """A row that is there already: films are measured picture by picture, not in batches."""

    def __init__(self, row: np.ndarray) -> None:
        self.row = row


def _fed(item: Item, model: Any, modality: str, run: Any) -> Any:
    """What the model is given for an item; None where there is nothing."""
    try:
        if modality == "text":
            return item.text
        if modality == "voice":
            return sound(item, model.SAMPLE_RATE) if item.path else None
        return _face(item, model, run)
    except (AttuneError, OSError):
        return None


# Sound -----------------------------------------------------------------------------------------------------------------------------

def sound(item: Item, rate: int) -> np.ndarray:
    """The sound of an item, (samples,) float32; the last file is kept, since a corpus may cut many items out of one."""
    assert item.path is not None
    whole = _waveform(item.path, rate)
    return whole[round(item.start * rate) : None if item.end is None else round(item.end * rate)]


@lru_cache(maxsize=1)
def _waveform(path: Path, rate: int) -> np.ndarray:
    from attune.media import Media

    return Media.open(path).waveform(rate)


# Faces -----------------------------------------------------------------------------------------------------------------------------

def _face(item: Item, model: Any, run: Any) -> Any:
    from attune.media import Media

    if item.pixels is not None:
        rgb = item.pixels if item.pixels.ndim == 3 else np.repeat(item.pixels[:, :, None], 3, axis=2)
        return framed(rgb, model) if max(rgb.shape[:2]) < FRAMED else _film([(0.0, rgb)], model, run)
    if item.path is None:
        return None
    frames = Media.open(item.path).frames(FPS)
    until = float("inf") if item.end is None else item.end
    return _film([(t, rgb) for t, rgb in frames if item.start <= t < until], model, run)


def framed(rgb: np.ndarray, model: Any) -> np.ndarray:
    """A picture that is a face already, framed as in FER2013, as the crop (h, w, 3) that the model wants."""
    from attune.face import align

    height, width = model.SIZE
    template = getattr(model, "TEMPLATE", align.FER * (height / align.FER_SIDE))
    scale = rgb.shape[0] / align.FER_SIDE
    if rgb.shape[:2] == (height, width) and np.abs(np.asarray(template) - align.FER * scale).max() < 1:
        return rgb
    return align.crop(rgb, align.FER * scale, np.asarray(template), (height, width))


def _film(frames: Sequence[tuple[float, np.ndarray]], model: Any, run: Any) -> _Done | None:
    """The mean over pictures, weighed by quality, of the person seen most; None where nobody is."""
    from attune.face import FaceStream

    stream = FaceStream(_Facts(model, run))
    seen: dict[int, list[tuple[float, np.ndarray]]] = {}
    for t, rgb in frames:
        faces, values = stream.push(t, rgb)
        for track, quality, row in zip(faces.track.tolist(), faces.quality.tolist(), values, strict=True):
            if not np.isnan(row).all():
                seen.setdefault(track, []).append((quality, row))
    if not seen:
        return None
    most = max(seen.values(), key=lambda rows: sum(q for q, _ in rows))
    quality = np.array([q for q, _ in most])
    return _Done(np.average([row for _, row in most], axis=0, weights=quality if quality.sum() > 0 else None).astype(np.float32))


class _Facts:
    """A face model that is loaded already."""

    def __init__(self, model: Any, run: Any) -> None:
        self.SIZE, self.TAXONOMIES = model.SIZE, model.TAXONOMIES
        if hasattr(model, "TEMPLATE"):
            self.TEMPLATE = model.TEMPLATE
        self._run = run

    def load(self) -> Any:
        return self._run


# What is kept ----------------------------------------------------------------------------------------------------------------------

class Kept:
    """Rows by key, in parts of Parquet below a folder; None keeps them in memory only."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self._since = folder, time.monotonic()
        self.rows: dict[str, np.ndarray] = {}
        self._new: dict[str, np.ndarray] = {}
        for part in sorted(folder.glob("*.parquet")) if folder and folder.is_dir() else ():
            self._read(part)

    def _read(self, part: Path) -> None:
        import pyarrow.parquet as pq

        table = pq.read_table(part)
        values = table["values"].combine_chunks()
        ends = values.offsets.to_numpy()
        flat = values.values.to_numpy(zero_copy_only=False).astype(np.float32)
        for i, name in enumerate(table["key"].to_pylist()):
            self.rows[name] = flat[ends[i] : ends[i + 1]]

    def add(self, name: str, row: np.ndarray) -> None:
        self.rows[name] = self._new[name] = row
        if time.monotonic() - self._since > EVERY:
            self.close()

    def close(self) -> None:
        """Write what is new as a part of its own; whole parts only appear under their name."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.folder is not None and self._new:
            self.folder.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256("".join(sorted(self._new)).encode()).hexdigest()[:16]
            table = pa.table({"key": list(self._new), "values": pa.array([r.tolist() for r in self._new.values()], pa.list_(pa.float32()))})
            pq.write_table(table, self.folder / f"{name}.tmp")
            (self.folder / f"{name}.tmp").replace(self.folder / f"{name}.parquet")
        self._new, self._since = {}, time.monotonic()


def _name(model: Any) -> str:
    return str(model.__name__).rsplit(".", 1)[-1]


def digest(model: Any) -> str:
    """16 hex digits of what a model's values depend on: its weights, its module, and the code of its modality that this leans on."""
    files = weights.files(model) if getattr(model, "WEIGHTS", ()) else []
    code = [Path(file) for file in _leans_on(model)]
    media = sorted((Path(__file__).parents[1] / "media").glob("*.py")) if modality_of(model) != "text" else []
    stated = str(getattr(model, "FACTS", ""))     # in a file of facts: names and spans of what it says
    return hashlib.sha256("".join([*(weights.digest(p) for p in (*files, *code, *media) if p.is_file()), stated]).encode()).hexdigest()[:16]


def _leans_on(model: Any) -> list[str]:
    """Files of a model's module and of those modules of its modality that it names, and that these name; of all, where faces are found."""
    modality = modality_of(model)
    if modality == "face":
        return [getattr(model, "__file__", ""), *map(str, sorted((Path(__file__).parents[1] / "face").glob("*.py")))]
    found: dict[str, Any] = {getattr(model, "__name__", ""): model}
    waiting = [model]
    while waiting:
        for value in vars(waiting.pop()).values():
            name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(name, str) and name.startswith(f"attune.{modality}.") and name in sys.modules and name not in found:
                found[name] = sys.modules[name]
                waiting.append(found[name])
    return [getattr(found[name], "__file__", "") or "" for name in sorted(found)]


def key(item: Item, modality: str) -> str:
    """What an item is to a model of that modality, 24 hex digits: its words, its picture, or its file and the stretch of it."""
    if modality == "text":
        content = item.text.encode("utf-8", "surrogatepass")
    elif item.pixels is not None:
        content = repr(item.pixels.shape).encode() + np.ascontiguousarray(item.pixels).tobytes()
    elif item.path is not None:
        stat = item.path.stat() if item.path.is_file() else None
        content = repr((item.path.name, stat and (stat.st_size, stat.st_mtime_ns), item.start, item.end)).encode()
    else:
        content = item.id.encode()
    return hashlib.sha256(content).hexdigest()[:24]


def load(name: str) -> ModuleType:
    """A packaged model by its name, whatever its modality; `UnknownName` with the nearest."""
    from attune import registry
    from attune.errors import unknown

    folders = {m: f"attune.{m}.models" for m in BATCH}
    known = {n: folder for folder in folders.values() for n in registry.names(folder)}
    if name not in known:
        raise unknown("model", name, known)
    return registry.load(known[name], name)
