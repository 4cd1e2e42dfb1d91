"""Made-up folders that look like a corpus."""

from pathlib import Path


def touch(root: Path, *files: str) -> Path:
    """Empty files below a folder."""
    for file in files:
        write(root, file, "")
    return root


def write(root: Path, file: str, text: str) -> Path:
    """A text file below a folder."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text, encoding="utf-8")
    return root
