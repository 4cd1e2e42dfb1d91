"""Three questions to the packaged text models:

    python recipes/text_checks.py context --data DIR        does the English one read better with what was said before?
    python recipes/text_checks.py causes --data DIR         do the words it leans on lie where people saw the cause?
    python recipes/text_checks.py german --data DIR         would the German one read better with what was said before?

DIR holds `meld`, `dailydialog_reccon`, `meld_german`. Nothing is learned for the first two, on corpora that had no part in training: the dev part of
MELD, the test part of RECCON. For the third a head is learned on the encoder's features of an utterance, of one, or of two before it, side by side.
"""

from __future__ import annotations

import argparse
import html
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from attune.datasets import Item, dailydialog, meld, meld_german
from attune.metrics import accuracy, bootstrap, macro_f1
from attune.taxonomy import crosswalk, taxonomy
from attune.text.causes import column_of, without
from attune.text.models import e5_german, minilm_emotions
from attune.text.units import tokens

EKMAN = taxonomy("ekman7").labels
EMOTIONS = len(taxonomy("goemotions28"))
LABEL = {"anger": "anger", "disgust": "disgust", "fear": "fear", "joy": "joy", "sadness": "sadness", "surprise": "surprise"}
MOST = 120                               # utterances asked about causes
HELD_BACK = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)       # C of the logistic regression, tried
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


def german(root: Path) -> None:
    """Seven classes of German MELD by logistic regression on what the packaged encoder sees of an utterance, and of up to two before it in the
    dialogue, with whether they are there, by the same speaker, and with lines missing between. How strongly it is held back is chosen on dev, by the
    mean of accuracy and macro-F1, for each alike; then test, once, with the difference that what came before makes."""
    parts = {split: dialogues([item for item in meld_german.items(root / "meld_german") if item.split == split]) for split in ("train", "dev", "test")}
    seen = {split: [np.nan_to_num(e5_german.load().embed([t.text for t in turns])) for turns in spoken] for split, spoken in parts.items()}
    y = {split: np.array([int(t.values.argmax()) for turns in spoken for t in turns]) for split, spoken in parts.items()}
    groups = {split: np.array([t.group for turns in spoken for t in turns]) for split, spoken in parts.items()}
    hot, said = np.eye(7, dtype=bool), dict[str, np.ndarray]()
    for before in (0, 1, 2):
        x = {split: np.concatenate([beside(turns, e, before) for turns, e in zip(spoken, seen[split], strict=True)]) for split, spoken in parts.items()}
        centre, spread = x["train"].mean(0), x["train"].std(0) + 1e-6
        x = {split: (values - centre) / spread for split, values in x.items()}
        reached, heads = {}, {}
        for c in HELD_BACK:
            heads[c] = LogisticRegression(C=c, max_iter=300).fit(x["train"], y["train"])
            p = heads[c].predict(x["dev"])
            reached[c] = (accuracy(y["dev"], p), macro_f1(hot[y["dev"]], hot[p]))
        best = max(reached, key=lambda c: sum(reached[c]))
        said[f"{before} before"] = heads[best].predict(x["test"])
        print(f"{before} before, C = {best:g}: dev (n = {len(y['dev']):,}) accuracy {reached[best][0]:.3f}, macro-F1 {reached[best][1]:.3f}")
    truth, g = y["test"], groups["test"]
    said["shipped"] = np.concatenate([np.nan_to_num(e5_german.load()([t.text for t in turns])[:, :7]).argmax(1) for turns in parts["test"]])
    for name, p in said.items():
        print(f"test, {name}, n = {len(truth):,} of {len(set(g))} dialogues: micro-F1 {bootstrap(accuracy, truth, p, groups=g)}, "
              f"macro-F1 {bootstrap(macro_f1, hot[truth], hot[p], groups=g)}")
    for before in (1, 2):
        more = bootstrap(lambda t, a, b: macro_f1(hot[t], hot[a]) - macro_f1(hot[t], hot[b]), truth, said[f"{before} before"], said["0 before"], groups=g)
        micro = bootstrap(lambda t, a, b: accuracy(t, a) - accuracy(t, b), truth, said[f"{before} before"], said["0 before"], groups=g)
        print(f"test, {before} before less none: micro-F1 {micro}, macro-F1 {more}")


def beside(turns: list[Item], seen: np.ndarray, before: int) -> np.ndarray:
    """(n, (1 + before) * 384 + 3 * before): of each utterance of a dialogue, what is seen of it, and of those before it with three marks each."""
    columns = [seen]
    for back in range(1, before + 1):
        earlier, marks = np.zeros_like(seen), np.zeros((len(turns), 3), np.float32)
        for i in range(back, len(turns)):
            now, then = turns[i].about, turns[i - back].about
            earlier[i], marks[i] = seen[i - back], (1, now["speaker"] == then["speaker"], now["turn"] - then["turn"] > back)
        columns += [earlier, marks]
    return np.concatenate(columns, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("question", choices=("context", "causes", "german"))
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora's folders")
    args = parser.parse_args()
    {"context": context, "causes": causes, "german": german}[args.question](args.data)


if __name__ == "__main__":
    main()
