"""The card of the prosody model: what was measured, and what decided."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from _voice import LABELS
from rerun import again

DECIDED = """
Layers, width, dropout and the corpora's shares were settled by looking at the folds of RAVDESS actors 1-4 and 17-20 and of nEMO's EB0, SM0 and TP0.
That the first layers carry most was seen before, with linear heads on the mean and deviation of each, **over all folds and nEMO's dev speaker**; UAR
of single clips before any layer and after each of six: RAVDESS .599, .683, .710, .733, .702, .680, .667; nEMO's training speakers .431, .587, .662,
.660, .627, .576, .499; its dev speaker .563, .463, .544, .593, .585, .544, .519. On actors 17-20, and SM0 and TP0, single clip and with baseline:
linear heads on layers 1-3 .746 and .770, .481 and .630; small nets instead, with CREMA-D's votes among what they are taught, .754 and .797, .535 and
.659. Teaching the third layer further, with attention over time (300 steps at 1e-4), gave .695 and .730, .581 and .648 at two hundred times the cost.
Taking out the 5 to 60 directions in which speakers differ most helped nowhere. Of other encoders that packages carry, linear heads got .680 from
Whisper tiny as taught to hear the ends of turns (its best layer), .636 from the states of a net that tells voices apart, .472 from one that spots
words; of the functionals used before, .545.

A first run with four of the six versions of each clip had .758 and .815 on RAVDESS, .692 and .777 on nEMO's training speakers, .582 and .819 on its
dev speaker, and lost .119 over the telephone. A second with six had .762 and .821, .691 and .774, .548 and .807, and lost .112, so the last version was
added. So the folds were seen four times in full with what is below, the dev speakers of nEMO, CREMA-D and URDU as well. On the way, over all folds:
moving clips by the difference of two speakers' means, twice the width, six times the weight decay, more lines among the six versions and twice the
steps changed RAVDESS and nEMO by .01 at most.

The small nets alone, on means of the three layers' results, had .763 and .822 on RAVDESS, .697 and .775 on nEMO's training speakers, .563 and .804 on its
dev speaker, and lost .091 in white noise. Straight lines by themselves (ridge regression, four versions of each clip) had, single clip, on RAVDESS and
nEMO, on the same means .745 and .659; on means and deviations .738 and .673; on the means inside the second and third layers' feed-forward nets .750 and
.712. Added to the small nets with half a share each, over all folds: deviations .774 and .715, insides .765 and .728, both .773 and .731; with other
shares and strengths .768 to .777 and .727 to .733. On the insides small nets were no better than on the means (RAVDESS .793 for .791 on the design's folds,
nEMO .578 for .611).

The model before this one (a convolutional recurrent net on log-mel beside linear heads on functionals, taught from nothing) had .665 and .705 on
RAVDESS, .509 and .615 on nEMO's training speakers, .567 and .696 on its dev speaker, .550 over the telephone, and cost 3 ms of CPU for a second.

More throats, made by Praat (two more versions of each clip, with the pitch and the formants changed apart towards the other sex's and the tempo kept), left
it where it was: single clip and with baseline, before weights are rounded, RAVDESS .766 and .837 (without them .771 and .834), nEMO's training speakers
.725 and .806 (.729 and .806), its dev speaker .589 and .811 (.593 and .793). Nor did the tiny student's logits beside the net's help (RAVDESS .777 at
best, nEMO .719, its dev speaker .607). What is missed of the dev speaker is her own way: her quiet sadness sounds neutral beside other people's.

Which frames and what of them, over all folds and the dev speaker, single clip, RAVDESS, nEMO and its dev speaker, with straight lines alone, for each
layer its own, their results added: on what stands inside the feed-forward nets of layers 1-3, clips as recorded, .770, .687 and .604; of frames
within 35 dB of the loudest .775, .700 and .619; columns bounded softly, too, at some one and a half deviations .784, .707 and .644, and with all
seven versions of each clip .779, .712 and .637. Lines alone come as far as all of the above, then, but beside the small nets no further (.783, .725
and .600), so nothing was changed. The dev speaker's figure alone moves much with which layer is asked: bounded, the upper two .652, the second by
itself .700, at .766 and .725, .722 and .663 for the others; a layer wasn't chosen by one person. No better, by lines: louder frames (20 dB), frames
weighed by energy, thirds of a clip, deviations and loudest tenths inside, the fourth layer (.651, .575 and .511), queries, keys, values and
attention's results, logarithms and roots, a penalty on directions in which people differ, heads for nEMO's six labels alone, and other shares of the
corpora. A larger encoder was not at hand.

The temperature, ECE over all folds, then of corpora that it alone wasn't fitted on (the nets had heard them): one factor for everything, each clip of the
same weight, had .044 on RAVDESS, .129 on CREMA-D's most votes, .072 on nEMO and .169 on URDU; fitted on most votes, each corpus of the same weight, .036,
.108, .052, .174, unknown .040, .143, .040, .178; each person of the same weight .034, .069, .053, .190. By a line on one to six directions, with corpora
or people of the same weight and a weaker or stronger decay of the line, RAVDESS had .015 to .036, CREMA-D .028 to .052, nEMO .057 to .138, URDU .148 to
.180, and unknown corpora .030 to .062, .110 to .149, .043 to .078, .162 to .191. The one direction was taken since nEMO and unknown corpora lose most by
more. By directions of the small nets' hidden layers or of single layers, and fitted by Brier's score, it was much the same. nEMO's figure hangs on which
of six speakers are left out, and dev speakers were seen in all of this."""


def shown(i: dict[str, float]) -> str:
    """A figure with its interval; one speaker has none."""
    return f"{i['value']:.3f}" if np.isnan(i["low"]) else f"{i['value']:.3f} [{i['low']:.3f}, {i['high']:.3f}]"


def goals(m: dict[str, Any]) -> str:
    """What was to be reached, and whether it was."""
    one, two = m["ravdess"]["single"], m["ravdess"]["adapted"]
    conditions, nemo, others = one["conditions"], m["others"]["nemo_pl"], m["others"]
    clean = conditions["as_recorded"]
    rows = [("RAVDESS, single clip, UAR", one["uar"]["value"], 0.62, True), ("RAVDESS with baseline, UAR", two["uar"]["value"], 0.72, True),
            ("nEMO, dev speaker, single clip, UAR", nemo["uar"]["value"], 0.70, True),
            ("nEMO, training speakers out of fold, single clip, UAR", m["training_speakers"]["nemo_pl"]["uar"]["value"], 0.70, True),
            ("nEMO, all seven, none heard, single clip, UAR", m["unheard"]["nemo_pl"]["uar"]["value"], 0.70, True)]
    rows += [(f"UAR lost, {name}", clean - conditions[key], most, False) for name, key, most in (
        ("20 dB softer", "minus20", 0.02), ("pink noise at 10 dB", "noise10", 0.10), ("white noise at 10 dB", "noise10_white", 0.10),
        ("telephone", "telephone", 0.10), ("room", "room", 0.10))]
    rows += [("ECE, people of all four corpora out of fold", m["everybody"]["ece"], 0.05, False), ("ECE, RAVDESS", one["ece"], 0.05, False),
             ("ECE, nEMO's training speakers out of fold", m["training_speakers"]["nemo_pl"]["ece"], 0.05, False),
             ("ECE, nEMO's dev speaker", nemo["ece"], 0.05, False),
             ("ECE, URDU's training speakers out of fold", m["training_speakers"]["urdu"]["ece"], 0.05, False),
             ("ECE, URDU's dev speakers", others["urdu"]["ece"], 0.05, False),
             ("ECE, CREMA-D's training speakers out of fold, most votes", m["training_speakers"]["crema_d"]["ece"], 0.05, False),
             ("ECE, CREMA-D's dev speakers, most votes", others["crema_d"]["single"]["ece"], 0.05, False),
             ("ECE, CREMA-D's dev speakers, what a listener chose, head `votes`", others["crema_d"]["ece_listener"], 0.05, False)]
    return "\n".join(f"| {name} | {value:.3f} | {'at least' if more else 'at most'} {goal:.2f} | {'yes' if (value >= goal) == more else '**no**'} |"
                     for name, value, goal, more in rows)


def twice(found: dict[str, Any]) -> str:
    """What a second run of the whole recipe reached; nothing where there was none."""
    if not found:
        return ""
    r, folds, dev = found["ravdess"], found["training_speakers"], found["others"]
    of_dev = f"{dev['nemo_pl']['ece']:.3f}, {dev['urdu']['ece']:.3f} and {dev['crema_d']['single']['ece']:.3f}"
    return "\n" + textwrap.fill(
        f"The whole recipe a second time, on another machine, from the sounds on: RAVDESS {r['single']['uar']['value']:.3f}, with baseline "
        f"{r['adapted']['uar']['value']:.3f}; nEMO out of fold {folds['nemo_pl']['uar']['value']:.3f}, dev {dev['nemo_pl']['uar']['value']:.3f}, both "
        f"{shown(found['unheard']['nemo_pl']['uar'])}; URDU {folds['urdu']['uar']['value']:.3f}, dev {dev['urdu']['uar']['value']:.3f}; JSD to "
        f"CREMA-D's votes, dev, {dev['crema_d']['jsd']['value']:.3f}; ECE of everybody {found['everybody']['ece']:.3f}, RAVDESS "
        f"{r['single']['ece']:.3f}, nEMO {folds['nemo_pl']['ece']:.3f}, URDU {folds['urdu']['ece']:.3f}, CREMA-D "
        f"{folds['crema_d']['ece']:.3f}, and of dev speakers {of_dev}.", 140)


def card(m: dict[str, Any], *, layers: int, members: int, hidden: int, every: int) -> str:
    """The page beside the weights; every: one RAVDESS clip of so many was heard under other conditions."""
    r, o, w, c = m["ravdess"], m["others"], m["without"], m["latency_ms_per_second"]
    one, two = r["single"], r["adapted"]
    by_fold = "\n".join(f"| actors {4 * int(f) + 1}-{4 * int(f) + 4} | {one['fold_uar'][f]:.3f} | {two['fold_uar'][f]:.3f} |" for f in one["fold_uar"])
    names = {"as_recorded": "as recorded", "minus20": "20 dB softer", "minus20_16bit": "20 dB softer, rounded to 16 bits", "plus20": "20 dB louder",
             "noise10": "pink noise, 10 dB below", "noise10_white": "white noise, 10 dB below", "telephone": "telephone, 300-3400 Hz",
             "room": "room, 0.5 s, tail 3 dB below", "seconds_1.0": "loudest 1 s"}
    by_condition = "\n".join(f"| {names[name]} | {one['conditions'][name]:.3f} | {two['conditions'][name]:.3f} |" for name in names)
    confusion = "\n".join(f"| {label} | " + " | ".join(map(str, row)) + " |" for label, row in zip(LABELS, one["confusion"], strict=True))
    titles = {"ravdess": "RAVDESS", "crema_d": "CREMA-D, most votes", "nemo_pl": "nEMO", "urdu": "URDU"}
    unknown = "\n".join(
        f"| {titles[name]} | {v['n']}, {v['speakers']} | {v['labels']} | {shown(v['uar'])} | {shown(v['uar_adapted'])} | {v['ece']:.3f} |"
        for name, v in w.items())
    fair = "\n".join(f"| {by} | {value} | {v['n']}, {v['speakers']} | {shown(v)} |"
                     for by, parts in o["crema_d"]["fairness"].items() for value, v in parts.items())
    counts = " · ".join(f"{n}: {value:.3f}" for n, value in r["clips_for_baseline"].items())
    crema, nemo, urdu, t = o["crema_d"], o["nemo_pl"], o["urdu"], m["training_speakers"]
    polish = ", ".join(f"{speaker.removeprefix('nemo-')} {value:.3f}" for speaker, value in t["nemo_pl"]["by_speaker"].items())
    all_of = m["everybody"]["interval"]
    factors = {name: f"{middle:.2f}, {low:.2f} to {high:.2f}" for name, (low, middle, high) in m["factor"].items()}
    calibrated = "\n".join(f"| {name} | {of['ece_n']:,} | {factor} | {of['ece']:.3f} | {of['ece_by_chance']:.3f} |" for name, factor, of in (
        (f"everybody, out of fold ({m['everybody']['speakers']} people)", "", m["everybody"]),
        ("RAVDESS, out of fold", factors["ravdess"], one), ("nEMO, out of fold", factors["nemo_pl"], t["nemo_pl"]),
        ("nEMO, dev", "", nemo), ("URDU, out of fold", factors["urdu"], t["urdu"]), ("URDU, dev", "", urdu),
        ("CREMA-D, out of fold", factors["crema_d"], t["crema_d"]), ("CREMA-D, dev", "", crema["single"])))
    none = "most speakers have one emotion only, so a baseline takes it away"
    if np.isnan(urdu["uar"]["low"]):
        none += "; a label is one speaker's, so no interval"
    mean_vote = f"always the mean vote: {crema['jsd_of_mean_votes']:.3f}"
    mean_set = f"always the mean vote: {crema['set_f1_of_mean_votes']:.3f}"
    return f"""# Prosody on Whisper's first layers

Eight emotions (`ravdess8`: {', '.join(LABELS)}) from the sound of a voice, by {m['parameters']:,} parameters:
the convolutions and the first {layers} layers of Whisper base's encoder as they are, the mean over time of what each layer says, the mean of {members}
small nets with a hidden layer of {hidden} on that, and straight lines on the same, its deviation, and the mean of what stands inside the second and third
layer. It ignores the level. A head `adapted` names what departs from a person's habit; a head `votes` says what listeners
would choose.
Valence, arousal and dominance come from a crosswalk: no corpus here has ratings of them, so they are projected, never learned.

    {m['command']}

Whisper's weights: `model.bin` of CTranslate2's Whisper base, sha256 {m['whisper']}.

## Data and licence

| corpus | used for training | labels | licence |
|---|---|---|---|
| RAVDESS | actors 1-20, 1,200 clips | eight, as acted | CC BY-NC-SA 4.0 |
| CREMA-D | happy and sad clips of 55 actors | listeners' votes over six emotions | ODbL 1.0 |
| nEMO (Polish) | six actors | six, as acted | CC BY-NC-SA 4.0 |
| URDU | 14 speakers of talk shows | four | research only |
| (680,000 hours of speech from the web) | by Whisper's authors, to transcribe | words | weights MIT |

The weights are **for non-commercial research**. A label that a corpus doesn't have was left open for its clips, not set to zero. Whisper's authors don't
list what they trained on, so nobody can tell whether it held some of these recordings; if it did, it was for their words.

## What it is worth

RAVDESS, {r['n']:,} clips of {r['speakers']} actors; **held-out**: each actor measured by a net of the same recipe that never heard this actor
({r['folds']} folds of four actors, and of a fifth of the other corpora's training speakers; the packaged one has heard them all).
Intervals are 95 %, by drawing actors. "With baseline" is the head `adapted`: the mean of the person's own clips, without labels, is
known (all 60; how many are needed stands below). Don't compare it with figures of single clips.

| | single clip | with baseline |
|---|---|---|
| **UAR, 8 labels** (chance .125) | **{shown(one['uar'])}** | **{shown(two['uar'])}** |
{by_fold}
| without actors 1-4 and 17-20, who were looked at | {one['uar_without_design']:.3f} | {two['uar_without_design']:.3f} |
| accuracy | {shown(one['accuracy'])} | {shown(two['accuracy'])} |
| women | {shown(one['sex']['F'])} | {shown(two['sex']['F'])} |
| men | {shown(one['sex']['M'])} | {shown(two['sex']['M'])} |
| ECE | {one['ece']:.3f} | {two['ece']:.3f} |

UAR with a baseline of so many clips, drawn at random from those that aren't scored: {counts}.

| goal | reached | | |
|---|---|---|---|
{goals(m)}

### What decided
{m['decided']}

### Conditions and labels

| UAR of every fourth clip (n = {r['n'] // every}) | single clip | with baseline, under the same condition |
|---|---|---|
{by_condition}

| recall | {' | '.join(LABELS)} |
|---|{'---|' * len(LABELS)}
| single clip | {' | '.join(f"{v:.2f}" for v in one['recall'].values())} |
| with baseline | {' | '.join(f"{v:.2f}" for v in two['recall'].values())} |

| acted \\ heard, single clip | {' | '.join(LABELS)} |
|---|{'---|' * len(LABELS)}
{confusion}

### Other corpora

Speakers of corpora that were taught, over each corpus's labels; nobody was heard by the net that measures them: training speakers out of
fold (**held-out**), dev speakers by the packaged model (**tuned**: they were seen when layers and versions of clips were chosen).
nEMO's six training speakers: {polish}.

| corpus | n, speakers | figure | single clip | with baseline |
|---|---|---|---|---|
| nEMO, dev | {nemo['n']}, {nemo['speakers']} | UAR, 6 labels; one speaker, so no interval | {shown(nemo['uar'])} | {shown(nemo['uar_adapted'])} |
| nEMO, out of fold | {t['nemo_pl']['n']}, {t['nemo_pl']['speakers']} | UAR, 6 labels | {shown(t['nemo_pl']['uar'])} | {shown(t['nemo_pl']['uar_adapted'])} |
| nEMO, both | {m['unheard']['nemo_pl']['n']:,}, {m['unheard']['nemo_pl']['speakers']} | UAR, 6 labels | {shown(m['unheard']['nemo_pl']['uar'])} | |
| URDU, dev | {urdu['n']}, {urdu['speakers']} | UAR of the labels that occur; {none} | {shown(urdu['uar'])} | {shown(urdu['uar_adapted'])} |
| URDU, out of fold | {t['urdu']['n']}, {t['urdu']['speakers']} | the same | {shown(t['urdu']['uar'])} | {shown(t['urdu']['uar_adapted'])} |
| CREMA-D, dev | {crema['n']}, {crema['speakers']} | `votes`: JSD to listeners' votes, bit ({mean_vote}) | {shown(crema['jsd'])} | |
| CREMA-D, dev | the same | `votes`: macro-F1 of the labels with more than 1/6 ({mean_set}) | {shown(crema['set_f1'])} | |
| CREMA-D, dev | {crema['clear']}, {crema['speakers']} | `votes`: accuracy on the most votes, where one label has them | {shown(crema['accuracy'])} | |
| CREMA-D, out of fold | {t['crema_d']['n']}, {t['crema_d']['speakers']} | probabilities: JSD to listeners' votes | {shown(t['crema_d']['jsd'])} | |

Unknown corpora (**out-of-sample**): nets of the same recipe that were never taught a corpus, over the labels that it shares with those that were. Their
temperature was fitted on the other corpora, on what the folds' nets say of these.

| left out | n, speakers | labels | UAR, single clip | with baseline | ECE, single clip |
|---|---|---|---|---|---|
{unknown}

### Fairness

CREMA-D's dev speakers, JSD to listeners' votes (lower is better). There are few speakers in a group: wide intervals are no sign of equality.

| by | group | n, speakers | JSD |
|---|---|---|---|
{fair}

By sex on RAVDESS: see above.

### Calibration

Logits are multiplied by a factor, the exponential of a line on the first principal direction of what Whisper's layers say in the mean: a temperature that
depends on the input (Joy et al. 2023), fitted on the out-of-fold labels and most votes, each person with the same weight. Beside a baseline it is
{m['factor_adapted']:.2f} for everybody. Labels are taken for equally likely. By chance: the ECE that probabilities would have that are exactly right, by
the luck of so few clips.

| single clips | n | factor: median, 90 % of clips | ECE | by chance |
|---|---|---|---|---|
{calibrated}

By drawing people, everybody's lies in [{all_of['low']:.3f}, {all_of['high']:.3f}]. People differ: a corpus of few people is as well or as badly
calibrated as these happen to be. A label has most votes more often than its share of votes: beside shares the probabilities are too sure (on CREMA-D an
ECE of .14 out of fold), which is what the head `votes` is for. It predicts shares, so its ECE asks what one listener chose:
{crema['ece_listener']:.3f}; a share isn't a probability that the most votes fall on a label, as which it has {crema['ece']:.3f}.

Cost: {c['clips']:.1f} ms CPU per second of audio on one core for whole clips, {c['seconds_30']:.1f} in pieces of 30 s, {c['seconds_0.2']:.1f} in pieces of
0.2 s.
ONNX and torch agree within {m['parity']:.0e}; then the layers are made to count in 8-bit numbers, which changes a probability by
{m['rounded']['mean']:.4f} in the mean and the label of {100 * m['rounded']['labels']:.1f} % of {m['rounded']['n']} clips.

{again(m.get("rerun", {}), whole=bool(m.get("second")))}
{twice(m.get("second", {}))}

## Limits

- Actors' speech, two English sentences for half of the labels. Natural emotion is weaker and mixed; expect much less on other recordings:
  the table of unknown corpora says how much less.
- *Calm* is what RAVDESS actors did when told to be calm, and is close to *neutral* and *sad*.
- Adults only; English and Polish, a little Urdu. Whisper heard many languages; what they do to emotions here is unknown, as for children or impaired speech.
- Short pieces say little. One person's habitual voice is taken for expression; a baseline helps, and takes away what a person always expresses.
- Loudness is ignored on purpose, so a shout into a distant microphone and a murmur into a near one differ only in their sound.

Not for deciding about people: hiring, schooling, policing, insurance, border control, diagnosis, or lie detection. It measures how speech
sounds to people, not what somebody feels.
"""
