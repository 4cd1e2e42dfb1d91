"""What was explored as one HTML file: figures one can point at, moments one can click, and beside each figure what it says and with what n.

The file holds everything it needs and asks no network for anything; markup, style and script lie in `pages/explore/`. Of long tables it shows a part
and says so: the whole is in the Parquet files.
"""

from __future__ import annotations

import html
import importlib.resources
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attune.weights import carried

if TYPE_CHECKING:
    from attune.explore import Explored

PAGE = importlib.resources.files("attune") / "pages" / "explore"
SCRIPTS = ("drawing.js", "sections.js", "moments.js", "explore.js")      # one program, read in this order
SHOWN = {"recordings": 200, "moments": 200, "synchrony": 200}            # rows of a table in the page
LINES = 12                               # people whose trajectories are drawn one by one


def write(found: Explored, path: Path) -> Path:
    """Write the page, whole or not at all; the path."""
    half = path.with_name(path.name + ".part")
    half.write_text(page(found), encoding="utf-8")
    os.replace(half, path)
    return path


def page(found: Explored) -> str:
    """The page as HTML text, without a reference to anything outside of it."""
    parts = {
        "title": html.escape(found.facts["corpus"]), "style": (PAGE / "explore.css").read_text(encoding="utf-8"),
        "plotly": carried("plotly", "package_data/plotly.min.js", install="pip install plotly").read_text(encoding="utf-8"),
        "facts": embedded(shown(found)), "script": "\n".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    pieces = (PAGE / "explore.html").read_text(encoding="utf-8").split("{{")
    return pieces[0] + "".join(parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces[1:]))


def shown(found: Explored) -> dict[str, Any]:
    """What the page shows, as data for JSON."""
    elsewhere = ("places", "trajectories", "synchrony", "recordings", "discord_by_person")
    tables = {name: t.to_pylist() for name, t in found.tables.items() if name not in elsewhere}
    tables["recordings"] = found.tables["recordings"].to_pylist()[: SHOWN["recordings"]]
    tables["synchrony"] = sorted(found.tables["synchrony"].to_pylist(), key=lambda r: -r["z"])[: SHOWN["synchrony"]]
    tables["moments"] = tables["moments"][: SHOWN["moments"]]
    everybody = found.tables["synchrony"].to_pydict()
    out: dict[str, Any] = _plain({
        "facts": found.facts, "tables": tables, "places": _places(found), "trajectories": _trajectories(found), "series": found.series,
        "dyads": {"z": everybody.get("z", []), "p": everybody.get("p", [])},
        "whole": {name: found.tables[name].num_rows for name in ("recordings", "moments", "synchrony")},
    })
    return out


def _places(found: Explored) -> dict[str, Any]:
    """set -> method -> columns; what is the same for both methods stands once."""
    table = found.tables["places"].to_pydict()
    out: dict[str, Any] = {}
    names = [c for c in table if c not in ("set", "method", "x", "y", "share_x", "share_y")]
    sets, methods = np.array(table.get("set", []), object), np.array(table.get("method", []), object)
    for s in dict.fromkeys(sets.tolist()):
        of = out[s] = {"methods": {}, "columns": {}}
        for method in dict.fromkeys(methods[sets == s].tolist()):
            at = np.flatnonzero((sets == s) & (methods == method)).tolist()
            of["methods"][method] = {"x": [round(table["x"][i], 4) for i in at], "y": [round(table["y"][i], 4) for i in at],
                                     "shares": [table["share_x"][at[0]], table["share_y"][at[0]]]}
            of["columns"] = {name: [round(v, 2) if isinstance(v, float) else v for v in (table[name][i] for i in at)] for name in names}
    return out


def _trajectories(found: Explored) -> dict[str, Any]:
    """set -> quartiles over people for each part of the recording, and the people who move most."""
    table = found.tables["trajectories"]
    if not table.num_rows:
        return {}
    columns = {name: table[name].to_numpy() for name in table.column_names}
    out: dict[str, Any] = {}
    for s in dict.fromkeys(columns["set"].tolist()):
        own = columns["set"] == s
        keys = np.array([f"{r} · {p}" for r, p in zip(columns["recording"][own], columns["person"][own], strict=True)])
        out[s] = {}
        for label in ("valence", "arousal", "dominance"):
            v, step = columns[label][own], columns["step"][own].astype(int)
            quartiles = [[float(np.quantile(v[step == i], q)) if (step == i).any() else math.nan for i in range(step.max() + 1)] for q in (0.25, 0.5, 0.75)]
            people, inverse = np.unique(keys, return_inverse=True)
            count = np.bincount(inverse)
            mean = np.bincount(inverse, v) / count
            spread = np.sqrt(np.bincount(inverse, (v - mean[inverse]) ** 2) / count) * (count > 2)
            most = np.argsort(-spread, kind="stable")[:LINES]
            out[s][label] = {"quartiles": quartiles, "n": len(people), "people": [
                {"name": str(people[i]), "start": columns["start"][own][inverse == i].tolist(), "end": columns["end"][own][inverse == i].tolist(),
                 "step": step[inverse == i].tolist(), "values": v[inverse == i].round(4).tolist()} for i in most.tolist()]}
    return out


def embedded(data: dict[str, Any]) -> str:
    """JSON that can stand inside <script>: no '<', '>' or '&', only ASCII."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
