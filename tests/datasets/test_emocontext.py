"""EmoContext on made-up tables."""

from pathlib import Path

from trees_made import write

from attune.datasets import emocontext
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    for split in ("train", "dev", "test"):
        write(root, f"{split}.txt", 'id\tturn1\tturn2\tturn3\tlabel\n0\tHi\tHello "you"\tLeave me\tangry\n')


def test_the_last_turn_is_judged_in_its_context(tmp_path: Path) -> None:
    mini(tmp_path)
    train, dev, test = emocontext.items(tmp_path)
    assert (train.text, train.about["context"]) == ("Leave me", ("Hi", 'Hello "you"'))
    assert taxonomy("emocontext4").labels[train.values.argmax()] == "angry"
    assert len({i.group for i in (train, dev, test)}) == 3
