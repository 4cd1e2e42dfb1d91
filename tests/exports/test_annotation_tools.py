"""ELAN, Praat, RTTM and captions: what the ecosystem's own libraries make of our files, and we of theirs."""

import json
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from recordings_made import ADA, BO, ordered, talk

from attune import exports
from attune.errors import RecordingError
from attune.taxonomy import taxonomy
from attune.types import Estimates, Faces, Recording, Segment

SAID = 'Er sagte „Ähm", "nein", — & <b>!'


def same_estimates(back, original):
    for e in original:
        there = ordered(next(b for b in back if b.name == e.name))
        np.testing.assert_array_equal(there.values, ordered(e).values)


def test_pympi_reads_an_eaf_and_what_it_writes_is_read_back(tmp_path):
    elan = pytest.importorskip("pympi.Elan")
    file = exports.write(talk(), tmp_path / "talk.eaf", "eaf")
    document = elan.Eaf(str(file))
    assert document.get_annotation_data_for_tier(ADA) == [(0, 1250, SAID)]
    assert document.get_annotation_data_for_tier(f"{ADA} · words") == [(0, 500, "Er"), (500, 1250, "sagte")]
    assert document.get_parameters_for_tier(BO)["PARTICIPANT"] == BO
    first = document.get_annotation_data_for_tier(f"face.ferplus8 · {ADA}")[0]
    assert first[:2] == (0, 333) and " | quality 0." in first[2]
    document.to_file(str(tmp_path / "again.eaf"))
    back = exports.read(tmp_path / "again.eaf")
    same_estimates(back, talk())
    assert [s.text for s in back.segments] == [s.text for s in talk().segments]


def test_a_tier_that_an_annotator_added_is_told_in_a_note(tmp_path):
    elan = pytest.importorskip("pympi.Elan")
    document = elan.Eaf(str(exports.write(talk(), tmp_path / "talk.eaf", "eaf")))
    document.add_tier("gesture")
    document.add_annotation("gesture", 100, 300, "nods")
    document.to_file(str(tmp_path / "more.eaf"))
    assert "gesture" in exports.read(tmp_path / "more.eaf").notes[-1]


def test_an_utterance_that_an_annotator_corrected_makes_the_fused_rows_new(tmp_path):
    elan = pytest.importorskip("pympi.Elan")
    document = elan.Eaf(str(exports.write(talk(), tmp_path / "talk.eaf", "eaf")))
    document.add_annotation(BO, 1300, 2000, "Hm.")
    document.to_file(str(tmp_path / "more.eaf"))
    back = exports.read(tmp_path / "more.eaf")
    assert "Hm." in [s.text for s in back.segments]
    assert len(back["fused.ekman7"]) == len(back.segments) == 7
    assert "fused again" in back.notes[-1]


def test_somebody_elses_eaf_is_read_as_words(tmp_path):
    elan = pytest.importorskip("pympi.Elan")
    document = elan.Eaf()
    document.remove_tier("default")
    document.add_tier("speech@A", part="Anna")
    document.add_annotation("speech@A", 500, 1500, "Hallo")
    document.add_annotation("speech@A", 2500, 3000, "Ja")
    document.to_file(str(tmp_path / "theirs.eaf"))
    back = exports.read(tmp_path / "theirs.eaf")
    assert [(s.start, s.end, s.person, s.text) for s in back.segments if s.kind == "speech"] == [(0.5, 1.5, "Anna", "Hallo"), (2.5, 3.0, "Anna", "Ja")]
    assert [s.kind for s in back.segments] == ["speech", "pause", "speech"]


def test_an_eaf_with_entities_is_refused(tmp_path):
    file = exports.write(talk(), tmp_path / "talk.eaf", "eaf")
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    for encoding in ("utf-8", "utf-16"):
        file.write_bytes(file.read_text(encoding="utf-8").replace("<ANNOTATION_DOCUMENT", f"{bomb}<ANNOTATION_DOCUMENT", 1).encode(encoding))
        with pytest.raises(RecordingError, match="entities, which is refused"):
            exports.read(file, "eaf")
        exports.write(talk(), file, "eaf")


def test_time_slots_of_an_eaf_are_in_order_and_every_reference_is_there(tmp_path):
    root = ET.parse(exports.write(talk(), tmp_path / "talk.eaf", "eaf")).getroot()
    slots = [(s.get("TIME_SLOT_ID"), int(s.get("TIME_VALUE"))) for s in root.iter("TIME_SLOT")]
    assert [ms for _, ms in slots] == sorted(ms for _, ms in slots)
    used = [a.get(f"TIME_SLOT_REF{i}") for a in root.iter("ALIGNABLE_ANNOTATION") for i in (1, 2)]
    assert sorted(used) == sorted(name for name, _ in slots)
    for tier in root.iter("TIER"):          # ELAN: annotations of a tier don't overlap, and last
        times = dict(slots)
        spans = [(times[a.get("TIME_SLOT_REF1")], times[a.get("TIME_SLOT_REF2")]) for a in tier.iter("ALIGNABLE_ANNOTATION")]
        assert all(a < b for a, b in spans) and all(a[1] <= b[0] for a, b in pairwise(spans))
    assert {t.get("LINGUISTIC_TYPE_REF") for t in root.iter("TIER")} <= {t.get("LINGUISTIC_TYPE_ID") for t in root.iter("LINGUISTIC_TYPE")}
    assert [child.tag for child in root][:2] == ["HEADER", "TIME_ORDER"]
    assert json.loads(next(p.text for p in root.iter("PROPERTY") if p.get("NAME") == "attune"))["source"] == "talk é.mp4"


def test_rows_that_overlap_go_to_tiers_of_their_own(tmp_path):
    windows = [Segment(k / 4, k / 4 + 0.5, "Ada", kind="window") for k in range(5)]
    values = np.arange(15).reshape(5, 3) / 100
    e = Estimates.of(windows, values, taxonomy=taxonomy("vad"), modality="voice", model="v")
    original = Recording("w.wav", 2.0, tuple(windows), Faces.empty(), (e,))
    for name, suffix in (("eaf", ".eaf"), ("textgrid", ".TextGrid")):
        back = exports.read(exports.write(original, tmp_path / f"w{suffix}", name))
        assert back.segments == original.segments
        np.testing.assert_array_equal(back["voice.vad"].values, e.values)


def test_praat_textgrids_reads_a_textgrid_and_its_short_form_is_read_back(tmp_path):
    textgrids = pytest.importorskip("textgrids")
    grid = textgrids.TextGrid(str(exports.write(talk(), tmp_path / "talk.TextGrid", "textgrid")))
    assert [(i.xmin, i.xmax, str(i.text)) for i in grid[BO]] == [(0, 2.5, ""), (2.5, 4, "Grüße, ja?"), (4, 4.5, "")]
    assert all(a.xmax == b.xmin for tier in grid.values() for a, b in pairwise(tier))
    grid.write(str(tmp_path / "short.TextGrid"), fmt=textgrids.TEXT_SHORT)
    same_estimates(exports.read(tmp_path / "short.TextGrid"), talk())


@pytest.mark.parametrize("form", ["short_textgrid", "long_textgrid"])
def test_praatio_reads_a_textgrid_and_what_it_writes_is_read_back(form, tmp_path):
    praatio = pytest.importorskip("praatio.textgrid")
    grid = praatio.openTextgrid(str(exports.write(talk(), tmp_path / "talk.TextGrid", "textgrid")), includeEmptyIntervals=True)
    assert tuple(grid.getTier(ADA).entries[0]) == (0, 1.25, SAID)
    grid.save(str(tmp_path / "again.TextGrid"), form, True)
    back = exports.read(tmp_path / "again.TextGrid")
    same_estimates(back, talk())
    assert back.segments[0].text == SAID


SHORT = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n2\n"IntervalTier"\n"Anna"\n0\n2\n3\n0\n0.5\n""\n0.5\n1\n"sagt ""ja"""\n1\n2\n""\n"TextTier"\n"beeps"\n0\n2\n1\n0.7\n"b"\n'
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "Anna"
        xmin = 0
        xmax = 2
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1
            text = "sagt ""ja\"""
        intervals [3]:
            xmin = 1
            xmax = 2
            text = ""
    item [2]:
        class = "TextTier"
        name = "beeps"
        xmin = 0
        xmax = 2
        points: size = 1
        points [1]:
            number = 0.7
            mark = "b"
"""
NOISY = SHORT.replace('0\n2\n<exists>', '! by hand, 7 "tiers"\n0s 2s <exists>')


@pytest.mark.parametrize("text", [SHORT, LONG, NOISY], ids=["short", "long", "comments"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_form_of_a_textgrid_is_read(text, encoding, tmp_path):
    (tmp_path / "theirs.TextGrid").write_bytes(text.encode(encoding))
    back = exports.read(tmp_path / "theirs.TextGrid")
    assert [(s.start, s.end, s.person, s.text) for s in back.segments if s.kind == "speech"] == [(0.5, 1, "Anna", 'sagt "ja"')]
    assert back.duration == 2
    assert "beeps" in back.notes[-1]


def test_rttm_names_with_blanks_come_back_and_lines_have_ten_fields(tmp_path):
    file = exports.write(talk(), tmp_path / "talk.rttm", "rttm")
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    assert [len(line) for line in lines] == [10, 10]
    assert lines[1] == ["SPEAKER", "talk_é", "1", "2.5", "1.5", "<NA>", "<NA>", "Bo␣Müller", "<NA>", "<NA>"]
    back = exports.read(file)
    assert [(s.start, s.end, s.person, s.confidence) for s in back.segments if s.kind == "speech"] == [(0, 1.25, ADA, 0.75), (2.5, 4, BO, None)]


def test_rttm_of_several_recordings_is_refused(tmp_path):
    (tmp_path / "two.rttm").write_text("SPEAKER a 1 0 1 <NA> <NA> x <NA> <NA>\nSPEAKER b 1 0 1 <NA> <NA> x <NA> <NA>\n")
    with pytest.raises(RecordingError, match="2 recordings"):
        exports.read(tmp_path / "two.rttm")


def test_captions_say_the_expression_and_reading_takes_it_off(tmp_path):
    file = exports.write(talk(), tmp_path / "talk.vtt", "vtt")
    assert "<v Bo Müller>[face: " in file.read_text(encoding="utf-8")
    assert [s.text for s in exports.read(file).segments if s.kind == "speech"] == [SAID, "Grüße, ja?"]


def test_brackets_that_somebody_said_stay(tmp_path):
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\n[laughs] Well [then]\n")
    assert exports.read(tmp_path / "a.vtt").segments[0].text == "[laughs] Well [then]"


@pytest.mark.filterwarnings("ignore")    # audformat's own use of pandas
def test_audformat_loads_a_database_and_what_it_saves_is_read_back(tmp_path):
    audformat = pytest.importorskip("audformat")
    database = audformat.Database.load(str(exports.write(talk(), tmp_path / "db", "audformat")))
    table = database["face.ferplus8-1"].get()
    assert list(table.index.names) == ["file", "start", "end"]
    assert table.index.is_unique
    assert table["happiness"].iloc[0] == pytest.approx(float(talk()["face.ferplus8"].label("happiness")[0]), abs=1e-7)
    assert database.tables["segments-1"].get()["text"].iloc[0] == SAID
    assert database.raters["ferplus_resnet"].type == "machine"
    database.save(str(tmp_path / "again"), storage_format="csv")
    back = exports.read(tmp_path / "again")
    same_estimates(back, talk())
    assert back.segments == talk().segments


def test_the_header_of_an_audformat_database_names_its_tables_columns_and_schemes(tmp_path):
    folder = exports.write(talk(), tmp_path / "db", "audformat")
    header = json.loads((folder / "db.yaml").read_text(encoding="utf-8"))       # https://audeering.github.io/audformat/data-header.html
    assert {"name", "source", "usage", "languages", "media", "raters", "schemes", "tables"} <= set(header)
    for name, table in header["tables"].items():
        assert table["type"] == "segmented" and table["media_id"] in header["media"]
        first = (folder / f"db.{name}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert first == ",".join(["file", "start", "end", *table["columns"]])
        for column in table["columns"].values():
            assert column["scheme_id"] in header["schemes"]
            assert column.get("rater_id", next(iter(header["raters"]))) in header["raters"]
