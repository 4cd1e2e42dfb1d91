"""Calibration and abstaining as one picture, SVG without scripts, readable on white and on dark."""

from __future__ import annotations

from html import escape

import numpy as np

from attune.evaluate.score import Score

SIDE, MARGIN = 220, 44                   # pixels
BLUE, GREY = "#3f7fbf", "#8a8f98"


def calibration(s: Score, title: str) -> str:
    """A reliability diagram (bars: what came true; dots: as probable as it was said) and, for one label, errors by coverage."""
    panels = [_reliability(s, MARGIN)]
    if s.risk is not None:
        panels.append(_risk(s, 2 * MARGIN + SIDE + 10))
    width, height = len(panels) * (SIDE + MARGIN + 10) + MARGIN, SIDE + 2 * MARGIN + 18
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="{GREY}"><title>{escape(title)}</title>'
        f'<text x="{MARGIN}" y="18" font-size="12">{escape(title)}</text>{"".join(panels)}</svg>\n'
    )


def _frame(x: float, across: str, up: str) -> str:
    top, low = MARGIN, MARGIN + SIDE
    ticks = "".join(
        f'<text x="{x + t * SIDE:.0f}" y="{low + 14}" text-anchor="middle">{t:g}</text>'
        f'<text x="{x - 5}" y="{low - t * SIDE + 4:.0f}" text-anchor="end">{t:g}</text>'
        for t in (0, 0.5, 1))
    return (
        f'<rect x="{x}" y="{top}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{GREY}" stroke-opacity=".5"/>{ticks}'
        f'<text x="{x + SIDE / 2}" y="{low + 30}" text-anchor="middle">{across}</text>'
        f'<text transform="translate({x - 26} {top + SIDE / 2}) rotate(-90)" text-anchor="middle">{up}</text>'
    )


def _reliability(s: Score, x: float) -> str:
    r = s.reliability
    assert r is not None
    low, share = MARGIN + SIDE, np.sqrt(r.n / max(r.n.max(), 1))
    bars = "".join(
        f'<rect x="{x + a * SIDE:.1f}" y="{low - t * SIDE:.1f}" width="{(b - a) * SIDE - 1:.1f}" height="{t * SIDE:.1f}" fill="{BLUE}" '
        f'fill-opacity="{0.25 + 0.6 * w:.2f}"><title>said {m:.3f}, true {t:.3f}, n = {n}</title></rect>'
        f'<circle cx="{x + m * SIDE:.1f}" cy="{low - t * SIDE:.1f}" r="2.5" fill="{BLUE}"/>'
        for a, b, n, m, t, w in zip(r.edges[:-1], r.edges[1:], r.n.tolist(), r.said, r.true, share, strict=True) if n)
    ideal = f'<line x1="{x}" y1="{low}" x2="{x + SIDE}" y2="{MARGIN}" stroke="{GREY}" stroke-dasharray="3 3"/>'
    ece = s.figures["ece"].value
    return _frame(x, f"probability said (ECE {ece:.3f})", "share that was true") + bars + ideal


def _risk(s: Score, x: float) -> str:
    assert s.risk is not None
    coverage, risk = s.risk
    low, picked = MARGIN + SIDE, np.unique(np.linspace(0, len(coverage) - 1, min(len(coverage), 200)).astype(int))
    points = " ".join(f"{x + coverage[i] * SIDE:.1f},{low - risk[i] * SIDE:.1f}" for i in picked)
    return _frame(x, f"coverage (AURC {s.figures['aurc'].value:.3f})", "share of errors") + (
        f'<polyline points="{points}" fill="none" stroke="{BLUE}" stroke-width="2"/>')
