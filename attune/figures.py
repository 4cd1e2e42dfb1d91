"""Figures for print, from the numbers that `attune explore` writes: SVG for papers, PNG for slides.

Every function takes a table as it lies in `numbers/` and gives a matplotlib figure; nothing is computed here. Text stays text in the SVG,
colours are Okabe and Ito's (2008), which the colour-blind can tell apart, and the same numbers give the same file.

    >>> from attune import figures                                          # doctest: +SKIP
    >>> figures.associations(pq.read_table("explored/numbers/associations.parquet")).savefig("rho.svg")          # doctest: +SKIP
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attune.errors import MissingExtra

WIDTH = 7.0                              # inches: a page between its margins
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8a6d3b", "#6b7079")
MODALITY = {"face": "#b5651d", "voice": "#2f7fb5", "text": "#4d8a3c", "fused": "#6b7079"}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "attune", "font.size": 8, "font.family": "sans-serif", "axes.titlesize": 9, "axes.linewidth": 0.6,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "figure.dpi": 100, "savefig.bbox": "tight",
}
MOST = 12                                # categories with a colour of their own

Rows = list[dict[str, Any]]


def can_draw() -> bool:
    """Whether matplotlib is here."""
    return importlib.util.find_spec("matplotlib") is not None


def write(tables: Mapping[str, pa.Table], folder: Path, *, dpi: int = 200) -> list[Path]:
    """Every figure there are numbers for, as SVG and PNG; the paths written."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, (draw, needs) in FIGURES.items():
        if not all(n in tables and tables[n].num_rows for n in needs):
            continue
        with matplotlib.rc_context(STYLE):
            figure = draw(*(tables[n] for n in needs))
            for suffix in ("svg", "png"):
                path = folder / f"{name}.{suffix}"
                figure.savefig(path, dpi=dpi, metadata={"Date": None} if suffix == "svg" else None)
                written.append(path)
    return written


def strongest(labels: pa.Table, intensities: pa.Table) -> Any:
    """The five strongest labels of each modality: distribution, median and mean rank."""
    rows, bins = labels.to_pylist(), _by(intensities.to_pylist(), "set")
    sets = {s: sorted((r for r in own if r["top"]), key=lambda r: r["place"]) for s, own in _by(rows, "set").items() if any(r["top"] for r in own)}
    figure, axes = _axes(1, len(sets), 2.4)
    for ax, (name, top) in zip(axes[0], sets.items(), strict=True):
        for i, row in enumerate(reversed(top)):
            own = [b for b in bins[name] if b["label"] == row["label"]]
            x, y = np.array([(b["from"] + b["to"]) / 2 for b in own]), np.sqrt([b["count"] / row["n"] for b in own])
            colour = COLOURS[(len(top) - 1 - i) % len(COLOURS)]
            ax.fill_between(x, i, i + 0.85 * y / (y.max() or 1), color=colour, alpha=0.35, lw=0)
            ax.plot(x, i + 0.85 * y / (y.max() or 1), color=colour, lw=0.8)
            ax.plot([row["q50"]], [i], "|", color="black", ms=7)
        ax.set_yticks(range(len(top)), [f"{r['label']}  {r['mean_rank']:.1f}" for r in reversed(top)])
        ax.set(title=name, xlabel="estimate")
        ax.tick_params(axis="y", length=0)
    return figure


def associations(table: pa.Table) -> Any:
    """Spearman's rho between modalities in three ways, with what chance gives."""
    rows = table.to_pylist()
    figure, axes = _axes(1, 1, 0.6 + 0.24 * len(rows))
    ax, y = axes[0, 0], np.arange(len(rows))[::-1]
    ax.axvline(0, color="0.85", lw=0.6)
    ax.plot([r["chance"] for r in rows], y, "|", color="0.5", ms=9, label="by chance")
    for i, r in zip(y, rows, strict=True):
        ax.plot([r["rho"]], [i], "o", ms=6, mec=COLOURS[0], mfc=COLOURS[0] if r["p"] <= 0.05 else "white")
    ax.set_yticks(y, [f"{r['one']}, {r['other']}: {r['way'].replace('_', ' ')}" for r in rows])
    ax.set(xlabel=f"Spearman's ρ (filled: p ≤ .05 of {rows[0]['permutations']} permutations; tick: mean by chance)")
    return figure


def correlations(table: pa.Table) -> Any:
    """Correlation matrices in the labels that modalities share, in one order; each modality's own if they share none."""
    by = _by(table.to_pylist(), "set")
    shared = {s: rows for s, rows in by.items() if " in " in s}
    chosen = shared if len(shared) > 1 else {s: rows for s, rows in by.items() if " in " not in s}
    figure, axes = _axes(1, len(chosen), 2.6)
    for ax, (name, rows) in zip(axes[0], chosen.items(), strict=True):
        k = round(len(rows) ** 0.5)
        matrix, labels = np.full((k, k), np.nan), [""] * k
        for r in rows:
            labels[r["row_place"]] = r["row"]
            matrix[r["row_place"], r["column_place"]] = np.nan if r["row_place"] == r["column_place"] else r["rho"]
        image = ax.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r")
        ax.set_xticks(range(k), labels, rotation=60, ha="right")
        ax.set_yticks(range(k), labels)
        ax.tick_params(length=0, labelsize=7 if k < 15 else 4)
        ax.set_title(name)
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.7, label="Spearman's ρ")
    return figure


def places(table: pa.Table) -> Any:
    """Maps of each modality, coloured by the strongest label: t-SNE where it was made, else principal components."""
    rows = table.to_pylist()
    method = "tsne" if any(r["method"] == "tsne" for r in rows) else "pca"
    by = _by([r for r in rows if r["method"] == method], "set")
    figure, axes = _axes(1, len(by), 2.9)
    for ax, (name, own) in zip(axes[0], by.items(), strict=True):
        strong = [r["strongest"] for r in own]
        often = sorted(set(strong), key=lambda s: -strong.count(s))[:MOST]
        for i, label in enumerate([*often, None]):
            some = [r for r in own if (r["strongest"] not in often if label is None else r["strongest"] == label)]
            if some:
                ax.scatter([r["x"] for r in some], [r["y"] for r in some], s=4, lw=0, alpha=0.8, marker="osD^"[i // len(COLOURS) % 4],
                           color="0.8" if label is None else COLOURS[i % len(COLOURS)], label=label or "others")
        ax.set(title=name, xticks=[], yticks=[], xlabel="t-SNE" if method == "tsne" else "principal components")
        ax.legend(fontsize=6, markerscale=2, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12), handletextpad=0.2, columnspacing=0.8)
    return figure


def missing(table: pa.Table) -> Any:
    """Share of the rows in which each modality was measured, and why not."""
    by = _by(table.to_pylist(), "modality")
    figure, axes = _axes(1, 1, 0.5 + 0.4 * len(by))
    ax, reasons = axes[0, 0], list(dict.fromkeys(r["reason"] for rows in by.values() for r in rows if r["reason"]))
    for i, (modality, rows) in enumerate(by.items()):
        total, left = sum(r["rows"] for r in rows), 0.0
        for reason in ("", *reasons):
            share = sum(r["rows"] for r in rows if r["reason"] == reason) / total
            hatch = {} if reason == "" else {"hatch": ["///", "\\\\\\", "xxx", "...", "+++"][reasons.index(reason) % 5], "edgecolor": "0.6"}
            if share:
                ax.barh([i], [share], left=[left], height=0.6, color=MODALITY[modality] if reason == "" else "white", label=reason, **hatch)
            left += share
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    ax.legend([handles[r] for r in reasons if r in handles], [r for r in reasons if r in handles], loc="upper center", bbox_to_anchor=(0.5, -0.35), ncols=4)
    ax.set_yticks(range(len(by)), list(by))
    ax.set(xlabel="share of rows measured", xlim=(0, 1))
    ax.invert_yaxis()
    return figure


def trajectories(table: pa.Table) -> Any:
    """Valence and arousal over the parts of a recording: median and quartiles over people."""
    name = table["set"][0].as_py()
    own = table.filter(pc.equal(table["set"], name))
    step = own["step"].to_numpy()
    figure, axes = _axes(1, 2, 2.2)
    for ax, label in zip(axes[0], ("valence", "arousal"), strict=True):
        v = own[label].to_numpy()
        low, middle, high = np.array([np.quantile(v[step == i], (0.25, 0.5, 0.75)) if (step == i).any() else [np.nan] * 3 for i in range(step.max() + 1)]).T
        x = (np.arange(len(middle)) + 0.5) / len(middle)
        ax.fill_between(x, low, high, color=COLOURS[0], alpha=0.25, lw=0)
        ax.plot(x, middle, color=COLOURS[0], lw=1.4)
        ax.axhline(0, color="0.85", lw=0.6, zorder=0)
        ax.set(xlabel="part of the recording", ylabel=label, title=f"{name}: median and quartiles" if label == "valence" else "")
    return figure


def synchrony(table: pa.Table) -> Any:
    """How far each pair of people is from chance."""
    z = table["z"].to_numpy()
    figure, axes = _axes(1, 1, 2.2)
    ax = axes[0, 0]
    ax.hist(z, bins=np.arange(np.floor(z.min()), np.ceil(z.max()) + 0.5, 0.5), color=COLOURS[0], rwidth=0.94)
    ax.axvline(0, color="0.4", lw=0.8, ls=":")
    low = int((table["p"].to_numpy() <= 0.05).sum())
    ax.set(xlabel="synchrony, in deviations from chance", ylabel="pairs of people", title=f"{low} of {len(z)} with p ≤ .05")
    return figure


def curves(table: pa.Table, *, y: str, columns: int = 2) -> Any:
    """Lines with their intervals, a panel for each value of `panel`: columns panel, line, x, tick, value, low, high; y names the values.

    The same line has the same colour and mark in every panel; `tick` is what stands at x.
    """
    panels, lines = _by(table.to_pylist(), "panel"), list(dict.fromkeys(table["line"].to_pylist()))
    rows = -(-len(panels) // columns)
    figure, axes = _axes(rows, min(columns, len(panels)), 0.4 + 2.1 * rows)
    for ax, (title, own) in zip(axes.ravel(), panels.items(), strict=False):
        for i, line in enumerate(lines):
            x, value, low, high = np.array([[r["x"], r["value"], r["low"], r["high"]] for r in own if r["line"] == line]).T
            ax.fill_between(x, low, high, color=COLOURS[i], alpha=0.13, lw=0)
            ax.plot(x, value, color=COLOURS[i], lw=1.4, marker="osD^"[i % 4], ms=3.5, label=line)
        ticks = {r["x"]: r["tick"] for r in own}
        ax.set_xticks(list(ticks), list(ticks.values()))
        ax.set_title(title)
    for ax in axes.ravel()[len(panels):]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel(y)
    least, most = min(0.0, *table["low"].to_pylist()), max(table["high"].to_pylist())
    for ax in axes.ravel():
        ax.set_ylim(least, most * 1.04)
    axes[0, 0].legend(loc="lower left")
    if len(panels) == 1:                                    # one panel needs no page's width
        figure.set_figwidth(WIDTH / 2)
    return figure


def save(draw: Callable[[], Any], path: Path, *, dpi: int = 200) -> Path:
    """One figure in the house's style, as the path's suffix says."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        path.parent.mkdir(parents=True, exist_ok=True)
        draw().savefig(path, dpi=dpi, metadata={"Date": None} if path.suffix == ".svg" else None)
    return path


FIGURES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "strongest": (strongest, ("labels", "intensities")), "associations": (associations, ("associations",)),
    "correlations": (correlations, ("correlations",)), "places": (places, ("places",)), "missing": (missing, ("missing",)),
    "trajectories": (trajectories, ("trajectories",)), "synchrony": (synchrony, ("synchrony",)),
}


def _axes(rows: int, columns: int, height: float) -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("figures need matplotlib: pip install 'attune[explore]'; the page and the numbers don't") from error
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _by(rows: Rows, key: str) -> dict[str, Rows]:
    out: dict[str, Rows] = {}
    for row in rows:
        out.setdefault(row[key], []).append(row)
    return out
