"""The table of docs/checkpoints.md, made from the facts in the adapters' files.

    python scripts/make_checkpoints_page.py
"""

from __future__ import annotations

from pathlib import Path

from attune import checkpoints, registry

PAGE = Path(__file__).parents[1] / "docs" / "checkpoints.md"
BEGIN, END = "<!-- made by scripts/make_checkpoints_page.py -->", "<!-- end of what is made -->"


def table() -> str:
    """Rows of Markdown, by kind and name."""
    lines = ["| name | for | published as | labels, by output | licence class | needs |", "|---|---|---|---|---|---|"]
    for folder, name in checkpoints.adapters():
        module = registry.load(folder, name)
        kind = {"recognisers": "words", "diarizers": "speakers"}.get(folder.split(".")[-1], folder.split(".")[1])
        outputs = getattr(module, "OUTPUTS", getattr(module, "OUTPUT", ()))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        said = ", ".join(f"{o.taxonomy} ({o.kind})" for o in outputs) or ("words with times" if kind == "words" else "turns")
        pinned = [c for c in module.CHECKPOINTS if c.sha256]
        where = " and ".join(f"{c.id}{' (pinned)' if c in pinned else ''}" for c in module.CHECKPOINTS) or "its own package"
        needs = ", ".join(getattr(module, "NEEDS", ())) or "nothing more"
        lines.append(f"| `{name}` | {kind} | {where} | {said} | {module.LICENSE_CLASS} | {needs} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its table made anew."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
