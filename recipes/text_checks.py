"""Two questions to the packaged English text model, on corpora that had no part in its training:

    python recipes/text_checks.py context --data DIR        does it read better with what was said before?
    python recipes/text_checks.py causes --data DIR         do the words it leans on lie where people saw the cause?

DIR holds `meld` and `dailydialog_reccon`. Nothing is learned here; the dev part of MELD, the test part of RECCON.
"""

from __future__ import annotations

import argparse
import html
from collections import defaultdict
from pathlib import Path

import numpy as np

from attune.datasets import Item, dailydialog, meld
from attune.metrics import accuracy, bootstrap, macro_f1
from attune.taxonomy import crosswalk, taxonomy
from attune.text.causes import column_of, without
from attune.text.models import minilm_emotions
from attune.text.units import tokens

EKMAN = taxonomy("ekman7").labels
EMOTIONS = len(taxonomy("goemotions28"))
LABEL = {"anger": "anger", "disgust": "disgust", "fear": "fear", "joy": "joy", "sadness": "sadness", "surprise": "surprise"}
MOST = 120                               # utterances asked about causes
FARTHEST = 4                             # turns back where a cause may lie here, the emotion's own among them


def dialogues(items: list[Item]) -> list[list[Item]]:
    """Items by dialogue, in the order of their turns."""
    by: dict[object, list[Item]] = defaultdict(list)
    for item in items:
        by[item.group or item.about["dialogue"]].append(item)
    return [sorted(turns, key=lambda item: item.about["turn"]) for turns in by.values()]


def context(root: Path) -> None:
    """Seven classes of MELD's dev part by the crosswalk from GoEmotions, with 0, 1 and 2 utterances joined before."""
    spoken = dialogues([item for item in meld.items(root / "meld") if item.split == "dev"])
    y = np.array([int(item.values.argmax()) for turns in spoken for item in turns])
    groups = np.array([item.group for turns in spoken for item in turns])
    walk, model = crosswalk("goemotions28", "ekman7"), minilm_emotions.load()
    for before in (0, 1, 2):
        texts = [" ".join(t.text for t in turns[max(0, i - before) : i + 1]) for turns in spoken for i in range(len(turns))]
        p = walk(model(texts)[:, :EMOTIONS])
        said = np.nan_to_num(p).argmax(1)
        hot, of = np.eye(7, dtype=bool)[said], np.eye(7, dtype=bool)[y]
        print(f"{before} utterances before, n = {len(y)}: macro-F1 {bootstrap(macro_f1, of, hot, groups=groups)}, "
              f"accuracy {bootstrap(accuracy, y, said, groups=groups)}")


def causes(root: Path) -> None:
    """Of utterances with an emotion and its causes nearby: how often the turn whose words add most is one of the causes."""
    model, hits, own, chance, last = minilm_emotions.load(), [], [], [], []
    for turns in dialogues([item for item in dailydialog.items(root / "dailydialog_reccon") if item.split == "test"]):
        for i, item in enumerate(turns):
            emotion = EKMAN[int(item.values.argmax())]
            near = turns[max(0, i + 1 - FARTHEST) : i + 1]
            caused = {int(turn) for turn, _ in item.about["causes"] if str(turn).isdigit()}
            there = [t.about["turn"] in caused for t in near]
            if len(hits) == MOST or emotion == "neutral" or len(near) < 2 or not any(there) or all(there):
                continue
            parts = [tokens(html.unescape(t.text)) for t in near]
            words = [word for part in parts for word in part]
            turn_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
            column = column_of(minilm_emotions, f"goemotions28.{LABEL[emotion]}")
            values = model([" ".join(words), *without(words)])[:, column]
            share = values[0] - values[1:]
            best = max(range(len(near)), key=lambda k: share[turn_of == k].clip(0).sum())
            hits.append(there[best])
            own.append(there[-1])
            last.append(best == len(near) - 1)
            chance.append(np.mean(there))
    for name, found in (("the turn whose words add most", hits), ("the emotion's own turn", own), ("any turn", chance)):
        print(f"{name} is a cause: {bootstrap(lambda a: float(np.mean(a)), np.array(found, float))}, n = {len(found)}")
    print(f"the words point at the emotion's own turn in {np.mean(last):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("question", choices=("context", "causes"))
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora's folders")
    args = parser.parse_args()
    (context if args.question == "context" else causes)(args.data)


if __name__ == "__main__":
    main()
