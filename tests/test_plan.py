"""The documentation's tables of batching and of the plan on paper are those of the benchmark's results."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("part", ["batching", "candor"])
def test_the_documentation_quotes_the_last_results(part):
    results = (ROOT / "benchmarks" / "results" / "scale.md").read_text(encoding="utf-8")
    table = [line for line in results.split(f"## {part}\n")[1].split("\n## ")[0].splitlines() if line.startswith("|")]
    assert len(table) > 2 and "\n".join(table) in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_plan_follows_from_the_speed_that_is_stated():
    speed = (ROOT / "benchmarks" / "speed.md").read_text(encoding="utf-8")
    results = (ROOT / "benchmarks" / "results" / "scale.md").read_text(encoding="utf-8").split("## candor\n")[1]
    for clip in (part for part in speed.split("## ")[1:] if "| face + voice" in part):
        spent = float(next(line for line in clip.splitlines() if line.startswith("| face + voice")).split("|")[2].split("[")[0])
        row = next(line for line in results.splitlines() if line.startswith(f"| {clip.splitlines()[0]} | 1 core"))
        assert float(row.split("|")[4]) == pytest.approx(1656 * spent, abs=0.06)
