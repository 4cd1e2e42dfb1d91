"""A packaged English text model's card, with the figures in it."""

from __future__ import annotations

from typing import Any

from _text_dimensions import MEMBERS, UNSEEN, UNUSED, WIDTH
from _text_rows import LABELS, VAD, Kind
from rerun import again

from attune.taxonomy import taxonomy
from attune.text.models import _sentences

HUME = taxonomy("hume53").labels


AFTERWARDS = ", and that graph by `--shipped GRAPH`"
FROM_THE_START = """The embeddings and the lowest layers are in 4-bit blocks of 32 weights with one scale; layers rounded so that their outputs
on comments of train change least. They were so from the first step on: what is above them learned to read them so."""
BLOCKS = """It was trained on the encoder's own embeddings and lowest layers. These were put into 4-bit blocks afterwards (32 weights with one
scale; layers rounded so that their outputs on comments of train change least), and dimensions, calibration and thresholds made anew."""
ALWAYS = """- Situations always sum to 1: a sentence that tells of none is still given to some. Look at `goemotions28.neutral` first.
"""


def _opening(named: str, names: int, told: bool) -> str:
    situations = ", which of 32\nsituations it tells of (`empathetic32`, probabilities that sum to 1)" if told else ""
    return f"""Reads a sentence and gives 28 probabilities (`goemotions28`, each label for itself), three positions in -1..1 (`vad`){situations},
and {names} of the 53 names of `hume53` (`{named}`, each for itself). It estimates what the words express to readers."""


def card(kind: Kind, m: dict[str, Any]) -> str:
    """The card of a kind of model, of what the recipe measured."""
    model, told = kind.model, "situations" in m
    name = model.__name__.rpartition(".")[2]
    go, emo, parity, other = m["goemotions"], m["emobank"], m["parity_dev"], m["elsewhere"]
    per_label = "\n".join(f"| {label} | {go['rows'][label]} | {go['f1'][label]:.2f} | {m['thresholds'][label]:.2f} |" for label in LABELS)
    dimensions = "\n".join(f"| {d} | {emo[d]['r']} | {emo[d]['ccc']} | {emo[d]['r_without_exclamation_marks']} |" for d in VAD)
    names = "\n".join(f"| {label} | {e['by']} | {e['rows']} of {e['n']:,} | {e['auc']} | {e.get('also', '')} |" for label, e in m["names"].items())
    alike = "\n".join(f"| {graph} | " + " | ".join("" if v != v else f"{v:.3f}" for v in figures.values()) + " |" for graph, figures in parity.items())
    limits = "\n".join(f"- {limit[0].upper()}{limit[1:]}." for limit in model.LIMITS.split("; "))
    files = ", ".join(f"`{file}` {size / 1e6:.1f} MB" for file, size in m["bytes"].items())
    rest = [label for label in HUME if label not in m["names"]]
    by_hand = sum(not e["by"].startswith("own") for e in m["names"].values())
    made = f"`python recipes/text_minilm.py --data DIR --out runs/text_minilm{'' if told else f'_open --model {name}'}`"
    shares = ", ".join(f"{share:g} of {corpus}" for corpus, share in kind.shares.items())
    warmth = f", and a temperature ({m['temperature']:.2f}) for situations" if told else ""
    later = m["on_blocks_afterwards"]
    chosen = "one half of dev; the figures below are of the other half, and" if told else "dev; the figures below are"
    dropped = ", ".join(f"{label} {area}" for label, area in m["dropped"].items())
    unsure = ", ".join(label for label, e in m["names"].items() if e["auc"].low < 0.5)
    after_all = (f"Kept there, but dropped after all, since their intervals reach below .5 here (so this part had a say in what is missing; by dev alone "
                 f"they\nwould be in): {dropped}.\n" if dropped else "")
    after_all += (f"{unsure} stayed, for the drop looked at figures that took the hidden word for its letters; the interval reaches there too: unproven.\n"
                  if unsure else "")
    out_of = [f"SemEval-2018 task 1, tweets, dev part: valence r {other['semeval2018']['valence_r']}, n = {other['semeval2018']['n']}"]
    out_of += [f"{title}, n = {other[key]['n']:,}: " + ", ".join(f"{k} {v}" for k, v in other[key].items() if k != "n") for key, title in (
        ("isear", "ISEAR, situations told by students, area under ROC"), ("brighter_eng", "BRIGHTER English, comments, r with the rated intensity"))]
    situations = (
        f"EmpatheticDialogues, the half of its dev part that had no say, n = {m['situations']['n']:,} situations and first tellings: the right one of 32 "
        f"first\n{m['situations']['accuracy']}, calibration error {m['situations']['ece']:.3f}.\n\n" if told else ""
    )
    return f"""# {model.TITLE}

{_opening(model.NAMED, len(m["names"]), told)}

| | |
|---|---|
| Encoder | all-MiniLM-L6-v2 (six layers, 384 features), mean over tokens, linear heads |
| Data | {model.DATA} |
| Licence | {model.LICENSE} |
| References | {model.REFERENCE} |
| Made by | {made}{AFTERWARDS if later else ""} |
| Input | text of any length; the first {_sentences.TOKENS} tokens are read; emoji are read by their Unicode names |
| No text | empty, blank, or nothing the vocabulary knows: a row of NaN |
| Files | {files}; the last two are the same for both English models |
| Time | {m["cpu_ms_per_sentence"]:.1f} ms of one core per sentence, median over 500 comments of test |

## How it was trained

All layers but the lowest {m["frozen"]} and the embeddings; AdamW with {m["lr"]:g} at the top layer and {m["decay"]} of it a layer
downwards, a cosine with warm-up, moving average of the weights, batches of {m["batch"]}. {m["first"]:,} steps of GoEmotions and EmoBank,
then {m["steps"]:,} of everything, a batch from one corpus at a time; in an epoch
{shares}.
What a corpus can't say has no part in the loss: ten times binary cross entropy for labels and names,{" half the cross entropy of situations," if told else ""}
1 - CCC and a tenth of the squared error for dimensions. Dimensions are then read anew, from the means over tokens of the embeddings and
all layers, by the mean of {MEMBERS} small nets ({WIDTH} hidden units each; {UNSEEN} of the inputs and {UNUSED} of the hidden units dropped at a step,
which did best on dev).
Calibration on dev, inside the graph: a logistic curve per label and name, drawn towards a common one{warmth}.
Thresholds (`THRESHOLDS`) have the best F1 on dev, counted hits joined by expected ones.

{BLOCKS if later else FROM_THE_START}

{again(m["rerun"])}

## Figures

Held out: official test parts, {kind.looks}.
Brackets: 95 % intervals from 1000 draws
(200 for areas) of comments, or of documents for EmoBank; GoEmotions' are drawn as `attune evaluate` draws them.

GoEmotions, n = {go["n"]:,}:

| | |
|---|---|
| macro-F1 at `THRESHOLDS` | {go["macro_f1"]} |
| micro-F1 at `THRESHOLDS` | {go["micro_f1"]} |
| macro-F1 at 0.5 | {go["macro_f1_at_0.5"]} |
| mean average precision | {go["average_precision"]} |
| calibration error, mean of labels | {go["ece"]:.4f} |

EmoBank, n = {emo["n"]:,} sentences of {emo["documents"]} documents and headlines; sentences of the same documents are in train, so new
documents may do a little worse:

| | r | CCC | r without "!" |
|---|---|---|---|
{dimensions}

{situations}Out of sample, never trained on:

- {out_of[0]}.
- {out_of[1]}.
- {out_of[2]}.

The shipped graph beside the float one{", and beside the one before the blocks" if later else ""}, on dev (every second comment), where the thresholds
were chosen:

| | macro-F1 | average precision | r valence | r arousal | r dominance | largest difference of a probability |
|---|---|---|---|---|---|---|
{alike}

## The names of hume53

{len(m["names"])} of 53 are measured: {by_hand} by labels that people gave, {len(m["names"]) - by_hand} by writers' own words. There
the word that says the name was hidden (one token to the model, as in training), and the model had to tell it from the rest of the
sentence, against sentences in which another name's word was hidden (sarcasm: comments that their writers marked "/s", against others).
Those are distant labels: they show that the name is told apart, not how often people would see it. A name was kept if its area under ROC
was at least {m["least"][0]:.2f} with {m["least"][1]} rows or more on {chosen} of GoEmotions' test part.
{after_all}Mean calibration error of the names that aren't GoEmotions', on natural rows: {m["names_ece"]:.3f}.

Not measured: {", ".join(rest) or "none"}.

| name | by | rows that hold it | area under ROC | beside |
|---|---|---|---|---|
{names}

## Labels

| label | rows in test | F1 | threshold |
|---|---|---|---|
{per_label}

## Limits

{limits}
- A label with few rows in test has an F1 that is mostly chance; a difference of .02 in macro-F1 is noise.
{ALWAYS if told else ""}- One sentence at a time: {"it" if told else "minilm_emotions, its sibling,"} reads worse when joined with what was said before
  (MELD's dev part, n = 1,109, seven classes by the crosswalk, out of sample: macro-F1 0.273 [0.234, 0.312] alone, 0.242 [0.201, 0.284] with
  one utterance before; `recipes/text_checks.py context`).
- Names were masked in the comments ("[NAME]"); real names may carry associations that the encoder brought along.
- Exclamation marks alone raise arousal; a transcript often lacks them, and then arousal leans to the middle.
- Errors of a speech recogniser go straight into the estimates.
- No corpus says who wrote a text, so there are no figures by sex, age or origin: how fair it is hasn't been measured.

## Not for

Deciding about people (hiring, credit, policing, insurance, education, medical or psychological diagnosis), telling whether
somebody lies, or judging a person by what they wrote. A sentence isn't a feeling, and a person isn't a sentence.
"""


