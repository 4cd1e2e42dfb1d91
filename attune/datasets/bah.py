"""BAH: Canadians answer seven questions before their webcam; experts mark where they are of two minds.

`train.txt`, `val.txt` and `test.txt` of the authors' split have a line per film, `Videos/82711/Visite_1/82711_Question_1_..._Video.mp4,
label,transcript`; the label is 1 with ambivalence or hesitancy anywhere in the film. Lists may lie in the release or be copied there
from the authors' repository (video-level). Frames are labelled, too; these are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, missing, one_hot
from attune.errors import MediaError

FACTS: dict[str, Any] = {
    "title": "Behavioural Ambivalence/Hesitancy dataset (BAH)",
    "citation": (
        "González-González, M., Belharbi, S., Zeeshan, M. O., Sharafi, M., Aslam, M. H., Pedersoli, M., Koerich, A. L., Bacon, S. L., & "
        "Granger, E. (2025). BAH dataset for ambivalence/hesitancy recognition in videos for behavioural change. arXiv:2505.19328."
    ),
    "license": "research only, by a signed agreement",
    "license_class": "research-only",
    "obtain": "github.com/sbelharbi/bah-dataset: request form; Videos, and dataset-splits/video-level/BAH_DB/split-0/*.txt beside it",
    "taxonomy": "bah2",
    "modalities": ("face", "voice", "text"),
    "languages": ("en",),
    "splits": {"train": "616 films, 143 people", "dev": "110 films, 25 people", "test": "392 films, 56 people"},
    "speakers": "224, in one part each",
    "files": {"**/train.txt": 1, "**/val.txt": 1, "**/test.txt": 1, "**/*_Video*.mp4": 1118},
    "traps": (
        "Questions differ in how often they bring hesitation: who knows the question (1-7, about['question']) knows much of the label.",
        "A film is positive if a short stretch is; 1.5 of 8.3 hours are.",
        "A later release has 1,427 films of 300 people: say which one a figure is from.",
        "Published figures of one modality are hardly above chance in macro-F1 (.47 to .56 by frame): a high figure asks for a leak.",
    ),
}

PARTS = {"train": "train", "val": "dev", "test": "test"}
LABELS = {"0": "neither", "1": "ambivalence or hesitancy"}


def items(root: str | Path) -> Iterator[Item]:
    """Films in the order of the lists; about has question and person's number in the group.

    Raises
    ------
    MediaError
        If there is no list, or a line isn't film, 0 or 1, text.
    """
    root = Path(root)
    lists = [(split, path) for part, split in PARTS.items() for path in sorted(root.rglob(f"{part}.txt"))[:1]]
    if not lists:
        raise missing(root, "train.txt, val.txt or test.txt", FACTS)
    for split, path in lists:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip():
                continue
            name, label, text = [*line.split(",", 2), "", ""][:3]            # the transcript may hold commas, the name none
            film = Path(name)
            if label not in LABELS or film.suffix != ".mp4":
                raise MediaError(f"{path}: {line[:80]!r}; expected film.mp4,0 or 1,transcript")
            person, _, question = film.stem.split("_")[:3]
            yield Item(
                film.stem, split, f"bah-{person}", one_hot("bah2", LABELS[label]), root / film, text=text.strip(),
                about={"language": "en", "question": int(question)},
            )
