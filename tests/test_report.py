"""The report: what it says is what the recording says, in one file that opens without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from attune import report
from attune.settings import Settings
from attune.taxonomy import Taxonomy, taxonomy
from attune.types import PRESENCE, SOMEONE, Estimates, Faces, Recording, Segment

EKMAN = Taxonomy("ekman7", ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral"), "exclusive", (0, 1), "Ekman (1992)",
                 title="Ekman's six and neutral")
FERPLUS = Taxonomy("ferplus8", ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"), "exclusive", (0, 1),
                   "Barsoum et al. (2016)", title="FER+ 8")
RAVDESS = Taxonomy("ravdess8", ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"), "exclusive", (0, 1),
                   "Livingstone and Russo (2018)", title="RAVDESS 8")
GOEMOTIONS = Taxonomy("goemotions28", (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire", "disappointment", "disapproval",
    "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy", "love", "nervousness", "optimism", "pride", "realization",
    "relief", "remorse", "sadness", "surprise", "neutral"), "multilabel", (0, 1), "Demszky et al. (2020)", title="GoEmotions 28")
VAD = Taxonomy("vad", ("valence", "arousal", "dominance"), "dimensional", (-1, 1), "Mehrabian and Russell (1974)", title="Valence, arousal, dominance")

LINES = (
    ("Ada", "So, the train came in early for once, and I still missed it.", (0.10, 0.05, 0.05, 0.15, 0.15, 0.10, 0.40), (-0.15, 0.10, -0.05)),
    ("Ben", "No! How do you even do that?", (0.03, 0.02, 0.05, 0.25, 0.02, 0.55, 0.08), (0.25, 0.60, 0.05)),
    ("Ada", "I was on the wrong side, looking straight at it.", (0.06, 0.04, 0.05, 0.45, 0.12, 0.08, 0.20), (0.20, 0.25, -0.20)),
    ("Ben", "That is wonderful.", (0.01, 0.01, 0.01, 0.82, 0.02, 0.06, 0.07), (0.75, 0.45, 0.20)),
    ("Ada", "It was the last one, though; I sat there for two hours in the cold.", (0.12, 0.05, 0.08, 0.04, 0.53, 0.02, 0.16), (-0.60, -0.30, -0.40)),
    ("Ben", "I am sorry. Did nobody come?", (0.03, 0.02, 0.16, 0.03, 0.50, 0.06, 0.20), (-0.45, 0.05, -0.10)),
    ("Ada", "Somebody came, and asked me for the time, and took my bag!", (0.48, 0.10, 0.22, 0.02, 0.08, 0.06, 0.04), (-0.75, 0.70, -0.15)),
    ("Ben", "What?", (0.06, 0.03, 0.12, 0.03, 0.03, 0.69, 0.04), (-0.10, 0.75, -0.10)),
    ("Ada", "Only the sandwiches were in it. They were horrible sandwiches.", (0.08, 0.38, 0.02, 0.32, 0.06, 0.02, 0.12), (0.05, 0.20, 0.10)),
    ("Ben", "Then justice was done, in a way.", (0.03, 0.02, 0.02, 0.55, 0.03, 0.05, 0.30), (0.50, 0.10, 0.35)),
    ("Ada", "In a way, yes.", (0.02, 0.02, 0.02, 0.34, 0.05, 0.02, 0.53), (0.35, -0.25, 0.25)),
)


def talk(*, people: tuple[str, str] = ("Ada", "Ben"), lines: tuple = LINES, rounds: int = 1) -> Recording:
    """Two people who talk, made up and the same every time: faces that look away, pauses, a dim stretch, projected dimensions."""
    rng = np.random.default_rng(0)
    names = dict(zip(("Ada", "Ben"), people, strict=True))
    segments, fused, vad, t = [], [], [], 1.2
    for who, text, p, d in lines * rounds:
        length = 0.5 + 0.062 * len(text)
        said = text.split()
        ends = t + length * np.cumsum([len(w) + 1 for w in said]) / sum(len(w) + 1 for w in said)
        starts = np.append(t, ends[:-1])
        words = tuple(Segment(float(a), float(b), names[who], w) for a, b, w in zip(starts, ends, said, strict=True))
        segments.append(Segment(t, t + length, names[who], text, words))
        fused.append(p)
        vad.append(d)
        pause = 3.4 if len(segments) % 6 == 4 else 0.35 + 0.3 * rng.random()
        segments.append(Segment(t + length, t + length + pause, SOMEONE, kind="pause"))
        t += length + pause
    duration = t + 1.0
    speech = [s for s in segments if s.kind == "speech"]
    fused, vad = np.array(fused), np.array(vad)

    times = np.arange(0, duration, 1 / 3)
    rows, values, quality, reason, who_seen = [], [], [], [], []
    for i, name in enumerate(people):
        mine = [(s, p) for s, p in zip(speech, fused, strict=True) if s.person == name]
        for k, x in enumerate(times):
            if (i == 0 and 17 < x % 60 < 21) or (i == 1 and (x < 3 or 30 < x % 60 < 31.5)):
                continue                                                    # out of the picture
            near = min(mine, key=lambda m: abs((m[0].start + m[0].end) / 2 - x))
            weight = np.exp(-abs((near[0].start + near[0].end) / 2 - x) / 2.5)
            p = weight * near[1][[6, 3, 5, 4, 0, 1, 2, 2]] + (1 - weight) * np.array([0.8, 0.06, 0.03, 0.04, 0.02, 0.01, 0.02, 0.02])
            p = p * np.exp(0.25 * rng.standard_normal(8))
            dim = 0.25 if 36 < x % 60 < 41 else 0.9
            hidden = i == 0 and k % 37 == 5
            rows.append(x)
            values.append(np.full(8, np.nan) if hidden else p / p.sum())
            quality.append(0.05 if hidden else np.clip(dim + 0.08 * rng.standard_normal(), 0, 1))
            reason.append("face turned away" if hidden else "")
            who_seen.append(name)
    order = np.argsort(rows, kind="stable")
    at = np.array(rows)[order]
    face = Estimates(at, at, np.array(values, np.float32)[order], FERPLUS, "face", "ferplus_resnet", np.array(who_seen, object)[order],
                     np.array(quality, np.float32)[order], np.array(reason, object)[order])

    mix = lambda p: p / p.sum(axis=1, keepdims=True)                        # noqa: E731
    tone = mix(fused[:, [6, 6, 3, 4, 0, 2, 1, 5]] * np.exp(0.5 * rng.standard_normal((len(speech), 8))) * [1, 0.5, 1, 1, 1, 1, 1, 1])
    short = np.array([s.duration < 0.9 for s in speech])
    tone[short] = np.nan
    voice = Estimates.of(speech, tone, taxonomy=RAVDESS, modality="voice", model="prosody_whisper", quality=np.where(short, 0, 0.8),
                         reason=np.where(short, "shorter than 0.9 s", "").tolist())
    sense = np.clip(0.02 + 0.03 * rng.random((len(speech), 28)), 0, 1)
    for column, k in ((2, 0), (3, 0), (11, 1), (14, 2), (17, 3), (1, 3), (25, 4), (9, 4), (26, 5), (7, 5), (27, 6)):
        sense[:, column] += fused[:, k] * (0.9 if column in (2, 11, 14, 17, 25, 26, 27) else 0.5)
    text = Estimates.of(speech, np.clip(sense, 0, 1), taxonomy=GOEMOTIONS, modality="text", model="minilm_emotions")

    def axes(modality: str, noise: float, projected: str) -> Estimates:
        spread = np.full((len(speech), 3), 0.12, np.float32) if modality == "fused" else None
        return Estimates.of(speech, np.clip(vad + noise * rng.standard_normal((len(speech), 3)), -1, 1), taxonomy=VAD, modality=modality,
                            model={"voice": "prosody_whisper", "text": "minilm_emotions", "fused": "mean of what is there"}[modality],
                            spread=spread, projected=projected)

    both = [(s, q, p) for s, q in zip(speech, fused, strict=True) for p in people]
    listening = np.array([q if s.person == p else 0.35 * q + 0.65 * np.eye(7)[6] for s, q, p in both])
    ekman = Estimates.of([replace(s, person=p) for s, _, p in both], mix(listening), taxonomy=EKMAN, modality="fused", model="mean of what is there",
                         quality=np.array([0.85 if s.person == p else 0.5 for s, _, p in both]), projected="")
    return Recording(
        source="/somewhere/late train.mp4", duration=float(duration), segments=tuple(segments), faces=Faces.empty(),
        estimates=(face, voice, text, axes("text", 0.15, ""), axes("voice", 0.25, "ravdess8->vad"), ekman, axes("fused", 0.05, "")),
        settings=Settings(pause=0.4).asdict(),
        versions={
            "attune": "0.1.0",
            "models": {
                "face": {"name": "ferplus_resnet", "licence": "MIT (annotations), images of FER2013", "weights": {"ferplus_resnet.onnx": "0123456789abcdef"}},
                "voice": {"name": "prosody_whisper", "licence": "CC BY-NC-SA 4.0 (RAVDESS)", "weights": {"prosody_whisper.onnx": "89abcdef01234567"}},
                "text": {"name": "minilm_emotions", "licence": "Apache-2.0", "weights": {"minilm_emotions.onnx": "76543210fedcba98"}},
            },
            "libraries": {"numpy": "2.4.1", "onnxruntime": "1.27.0", "av": "17.0.1"},
        },
        notes=("The picture is dark from 0:36 to 0:41; faces there are measured with low quality.",),
        media={"name": "late train.mp4", "bytes": 4_200_000, "video": {"codec": "h264", "width": 1280, "height": 720, "fps": 30.0},
               "audio": {"codec": "aac", "sample_rate": 48_000, "channels": 2}},
    )


def silent(**more: object) -> Recording:
    """A recording in which nothing was found."""
    return Recording(**{"source": "dark.mkv", "duration": 12.0, "segments": (), "faces": Faces.empty(), "estimates": (), **more})


class Tags(HTMLParser):
    """Every start tag with its attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.title = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data
        if self.tags and self.tags[-1][0] == "title":
            self.title += data


def facts_in(page: str) -> dict:
    return json.loads(next(text for text in Tags(page).scripts if text.startswith('{"name"')))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return talk()


@pytest.fixture(scope="module")
def page(recording: Recording) -> str:
    return report.page(recording)


def test_file_is_written_whole_and_its_path_returned(tmp_path: Path, recording: Recording) -> None:
    path = report.write(recording, tmp_path / "new" / "talk.html")
    assert path == tmp_path / "new" / "talk.html"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in path.parent.iterdir()] == ["talk.html"]


def test_nothing_is_loaded_from_outside_the_file(page: str) -> None:
    tags = Tags(page)
    assert not [attrs for _, attrs in tags.tags for name in ("src", "href") if (attrs.get(name) or "#")[0] not in "#"]
    policy = next(attrs["content"] for tag, attrs in tags.tags if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    style = re.search(r"<style>(.*?)</style>", page, re.S)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_own_scripts_name_no_address_but_namespaces() -> None:
    for name in report.SCRIPTS:
        addresses = set(re.findall(r"https?://[^\s\"'`]+", (report.PAGE / name).read_text(encoding="utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name


def test_text_of_others_never_becomes_markup() -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \u2028 \ud800 & <!--"
    lines = tuple((who, f"{text} {evil}", p, d) for who, text, p, d in LINES)
    bad = replace(talk(people=(evil, 'O"Neil & \'Sons\''), lines=lines), source="<b>{{facts}}&.mp4", notes=(evil,))
    page = report.page(bad)
    tags = Tags(page)
    assert sum(tag == "script" for tag, _ in tags.tags) == sum(tag == "script" for tag, _ in Tags(report.page(talk())).tags)
    assert not any(tag == "img" or "onerror" in attrs for tag, attrs in tags.tags)
    assert tags.title.strip() == "<b>{{facts}}&.mp4 · Attune"
    facts = facts_in(page)
    assert facts["notes"] == [evil]
    assert facts["people"][0]["name"] == evil
    assert evil in "".join(w[0] for w in facts["segments"][0]["words"])


def test_facts_have_no_nan_and_missing_rows_keep_their_reason(recording: Recording) -> None:
    facts = report.facts(recording)
    json.dumps(facts, allow_nan=False)
    face = next(s for s in facts["series"] if s["name"] == "face.ferplus8")
    ada = face["people"]["Ada"]
    gone = [i for i, v in enumerate(ada["values"][0]) if v is None]
    assert gone
    assert all(ada["reason"][i] == "face turned away" for i in gone)
    assert all(column[i] is None for column in ada["values"] for i in gone)


def test_values_are_those_of_the_recording(recording: Recording) -> None:
    facts = report.facts(recording)
    for series in facts["series"]:
        estimates = recording[series["name"]]
        assert series["shown"] == series["rows"] == len(estimates)
        for who, rows in series["people"].items():
            mine = estimates.where(np.asarray(estimates.person == who))
            np.testing.assert_allclose(np.array(rows["values"], float).T, mine.values, atol=6e-5)


def test_gap_in_the_picture_stays_a_gap(recording: Recording) -> None:
    rows = next(s for s in report.facts(recording)["series"] if s["name"] == "face.ferplus8")["people"]["Ada"]
    assert not any(start < 20 and end > 18 for start, end in zip(rows["start"], rows["end"], strict=True))
    seen = report.facts(recording)["people"][0]["seen"]
    assert not any(start < 20 and end > 18 for start, end, _ in seen)


def test_frames_without_length_last_until_the_next_frame() -> None:
    e = Estimates.of([Segment(t, t, "a") for t in (0.0, 0.5, 1.0, 4.0)], np.full((4, 3), 0.1), taxonomy=VAD, modality="face", model="m")
    start, end = report._spans(e, 10.0)
    np.testing.assert_allclose(end - start, 0.5)


def test_long_series_are_thinned_but_not_across_gaps_and_keep_their_mean() -> None:
    n = 50_000
    start = np.arange(n) / 10
    start[n // 2:] += 100.0
    values = np.random.default_rng(1).random((n, 3)).astype(np.float32)
    values[1000:1010] = np.nan
    reason = np.array([""] * n, object)
    reason[1000:1010] = "hidden"
    rows = report._thin(start, start + 0.1, values, np.ones(n), reason, None)
    assert len(rows["start"]) <= 1.01 * report.ROWS
    assert max(e - s for s, e in zip(rows["start"], rows["end"], strict=True)) < 1.0
    assert list(rows["reason"].values()).count("hidden") >= 1
    column = np.array(rows["values"][0], float)
    assert np.nanmean(column) == pytest.approx(np.nanmean(values[:, 0]), abs=0.01)
    assert not any(s < 100.95 and e > 100.05 for s, e, v in zip(rows["start"], rows["end"], column, strict=True) if np.isfinite(v))


def test_thinned_recording_says_so() -> None:
    face = talk()["face.ferplus8"]
    times = np.arange(0, 20_000) / 3
    long = replace(face, start=times, end=times, values=np.full((20_000, 8), 0.125, np.float32), person=np.array(["Ada"] * 20_000, object),
                   quality=np.ones(20_000, np.float32), reason=np.array([""] * 20_000, object))
    series = report.facts(replace(talk(), duration=times[-1], estimates=(long,)))["series"][0]
    assert series["rows"] == 20_000
    assert series["shown"] <= 1.01 * report.ROWS


def test_projected_estimates_name_their_crosswalk(recording: Recording) -> None:
    series = {s["name"]: s for s in report.facts(recording)["series"]}
    assert series["voice.vad"]["projected"] == "ravdess8->vad"
    assert series["text.vad"]["projected"] == ""


def test_segments_are_marked_with_the_estimate_of_their_own_person(recording: Recording) -> None:
    said = [s for s in report.facts(recording)["segments"] if s["kind"] == "speech"]
    for segment, (_, _, p, _) in zip(said, LINES, strict=True):
        label, value = segment["marks"]["fused.ekman7"][0]
        assert label == int(np.argmax(p))
        assert value == pytest.approx(max(p) / sum(p), abs=1e-3)


def test_pieces_of_the_words_spell_the_text(recording: Recording) -> None:
    for s, row in zip(recording.segments, report.facts(recording)["segments"], strict=True):
        assert "".join(w[0] for w in row.get("words", [])) == s.text


def test_text_that_differs_from_its_timed_words_stays_whole() -> None:
    words = (Segment(0, 1, text="colour"), Segment(1, 2, text="of"), Segment(2, 3, text="money"))
    assert "".join(w[0] for w in report._words(Segment(0, 3, text="The color of money.", words=words))) == "The color of money."
    assert "".join(w[0] for w in report._words(Segment(0, 3, words=words))) == "colour of money"
    assert report._words(Segment(0, 3, text="金の色", words=(Segment(0, 1, text="金"), Segment(1, 2, text="色")))) == [["金", 0, 1], ["の"], ["色", 1, 2]]


def test_summary_weighs_by_time_and_counts_what_was_measured() -> None:
    segments = [Segment(0, 3, "a"), Segment(3, 4, "a"), Segment(4, 9, "a")]
    e = Estimates.of(segments, [[1, 0, 0], [0, 0, 0], [np.nan] * 3], taxonomy=VAD, modality="text", model="m")
    person = report.facts(silent(segments=tuple(segments), estimates=(e,)))["people"][0]
    assert person["means"][0] == {"modality": "text", "taxonomy": "vad", "projected": "", "n": 2, "seconds": 4.0, "values": [0.75, 0.0, 0.0]}


def test_who_was_seen_is_known_from_presences_and_from_projected_sets_too() -> None:
    facs = taxonomy("facs")
    rows = [Segment(i, i + 1, "Ada") for i in range(4)]
    values = np.full((4, len(facs)), 0.5)
    values[2] = np.nan
    for projected in (PRESENCE, "not stated in the table"):
        e = Estimates.of(rows, values, taxonomy=facs, modality="face", model="pyfeat_units", projected=projected)
        person = report.facts(silent(segments=(), estimates=(e,)))["people"][0]
        assert person["seen"] == [[0, 2, 1], [3, 4, 1]] and person["seen_s"] == 3


def test_time_seen_counts_overlaps_once() -> None:
    assert report._covered([(0, 2, 1), (1, 3, 1), (5, 6, 1)]) == 4


def test_people_come_in_the_order_of_their_appearance_and_nobody_last(recording: Recording) -> None:
    assert [p["id"] for p in report.facts(recording)["people"]] == ["Ada", "Ben"]
    more = replace(recording, segments=(Segment(0, 0.5, SOMEONE, "Hm."), *recording.segments))
    assert [p["id"] for p in report.facts(more)["people"]] == ["Ada", "Ben", SOMEONE]


def test_nothing_measured_is_a_page_without_the_plotting_library() -> None:
    page = report.page(silent(notes=("no face was found",)))
    assert len(page) < 200_000
    assert facts_in(page)["notes"] == ["no face was found"]
    assert facts_in(page)["people"] == []


@pytest.mark.parametrize("duration", [0.0, 12.0])
@pytest.mark.parametrize("modality", ["face", "voice", "text", "fused"])
def test_any_modality_alone_makes_a_page(recording: Recording, modality: str, duration: float) -> None:
    alone = replace(recording, segments=(), duration=duration, estimates=tuple(e for e in recording.estimates if e.modality == modality))
    assert {s["modality"] for s in facts_in(report.page(alone))["series"]} == {modality}


def test_estimates_of_nothing_but_missing_rows_are_no_series() -> None:
    e = Estimates.of([Segment(0, 1, "a")], [[np.nan] * 3], taxonomy=VAD, modality="voice", model="m", reason=["silence"])
    assert report.facts(silent(estimates=(e,)))["series"] == []


def test_infinite_values_and_odd_settings_do_not_break_the_page() -> None:
    e = Estimates.of([Segment(0, 1, "a")], [[np.inf, 0, 0]], taxonomy=VAD, modality="voice", model="m")
    odd = {"path": Path("x"), "n": np.int64(3), "x": np.float32(np.nan), "set": {1}, "object": object()}
    page = report.page(silent(estimates=(e,), settings=odd, versions=odd, media=odd))
    assert facts_in(page)["media"]["n"] == 3


def test_portraits_are_pictures_inside_the_file(recording: Recording) -> None:
    people = report.facts(replace(recording, portraits={"Ada": b"\xff\xd8\xff\xe0made up"}))["people"]
    assert people[0]["portrait"].startswith("data:image/jpeg;base64,/9j/")
    assert people[1]["portrait"] is None


def test_settings_say_what_was_chosen(recording: Recording) -> None:
    settings = {s["name"]: s for s in report.facts(recording)["settings"]}
    assert settings["pause"]["changed"]
    assert not settings["fps"]["changed"]
    assert settings["fps"]["unit"] == "1/s"
    assert settings["fps"]["reason"]


def test_every_label_has_a_colour(recording: Recording) -> None:
    for t in report.facts(recording)["taxonomies"].values():
        assert len(t["colours"]) == len(t["labels"])
        assert all(re.fullmatch(r"#[0-9a-fA-F]{6}", c) for c in t["colours"])


@pytest.mark.skipif(shutil.which("chromium") is None, reason="looks at the page with Chromium")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_opens_in_a_browser_without_an_error(tmp_path: Path, recording: Recording, theme: str) -> None:
    path, picture = report.write(recording, tmp_path / "talk.html"), tmp_path / "talk.png"
    script = Path(__file__).parent.parent / "scripts" / "screenshot"
    told = subprocess.run([script, path, picture, theme, "1000", "1400"], capture_output=True, text=True, timeout=120, check=True)
    assert told.stdout == ""
    assert picture.stat().st_size > 50_000


@pytest.mark.skipif(shutil.which("chromium") is None, reason="looks at the page with Chromium")
def test_what_decided_a_fused_estimate_is_shown_apart_from_valence_and_arousal(tmp_path: Path, recording: Recording) -> None:
    rows = recording["fused.vad"]
    pool = replace(rows, values=np.tile(np.float32([0.5, 0.3, 0.2, 0.4]), (len(rows), 1)), spread=None, taxonomy=taxonomy("pool"), model="votes")
    path = report.write(replace(recording, estimates=(pool, *recording.estimates)), tmp_path / "talk.html")
    page = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000",
                           "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120, check=True).stdout
    assert ">What decided</button>" in page
    assert "valence (fused)</option>" in page
    assert "discord (fused)</option>" not in page            # no way to colour words by
    assert ">discord</span>" not in page                     # no bar among a person's means


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory):
    browser = pytest.importorskip("browser")
    if browser.CHROMIUM is None:
        pytest.skip("looks at the page with Chromium")
    pytest.importorskip("websockets")
    one = browser.Browser(tmp_path_factory.mktemp("window"))
    yield one
    one.close()


def test_the_page_fits_a_phone_though_crosswalks_are_many(tmp_path: Path, recording: Recording, window) -> None:
    long = "ferplus8 -> ekman7, ravdess8 -> ekman7, goemotions28 -> ekman7"
    fused = tuple(replace(e, projected=long) if e.modality == "fused" else e for e in recording)
    window.resize(390, 844, phone=True)
    window.go(report.write(replace(recording, estimates=fused), tmp_path / "talk.html").as_uri())
    assert window.js("document.body.innerText").count("ravdess8") >= 1
    assert window.js("document.documentElement.scrollWidth") <= 390
    assert window.errors == []


def test_a_voice_that_may_be_anybodys_is_no_further_person(tmp_path: Path, recording: Recording, window) -> None:
    from attune.timeline import SPEAKER, rename

    window.resize(1280, 860)
    window.go(report.write(recording, tmp_path / "two.html").as_uri())
    assert "2 people" in window.js("document.querySelector('.facts').innerText")
    rows = [replace(s, person=SPEAKER) if s.person == "Ben" else s for s in recording.segments]
    apart = tuple(rename(e, {"Ben": SPEAKER}) for e in recording)
    window.go(report.write(replace(recording, segments=tuple(rows), estimates=apart), tmp_path / "one.html").as_uri())
    said = window.js("document.querySelector('.facts').innerText")
    assert "1 person" in said and "voices not told apart" in said
