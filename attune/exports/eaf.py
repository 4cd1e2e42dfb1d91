"""ELAN: an annotation document with a tier for each person's words, and one for each model and person."""

from __future__ import annotations

import datetime
import json
import mimetypes
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np

from attune.errors import RecordingError
from attune.exports import _files, _tiers
from attune.types import Recording

NAME, SUFFIX = "eaf", ".eaf"
FACTS = {
    "title": "ELAN annotation document",
    "keeps": "rows with people and kinds, words and their times, every model's estimates on their own grid with quality and spread, notes, settings",
    "loses": "times below a millisecond, confidence of words, faces' places in the picture, portraits",
    "readers": "ELAN, pympi, EXMARaLDA (import); anybody's .eaf is read as words, a tier a speaker",
    "reference": "EAF 3.0, http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
}
STEP = 0.001                             # s; TIME_VALUE is in whole milliseconds
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
PROPERTY = "attune"                      # ELAN keeps properties of the header that it doesn't know
CONSTRAINTS = {                          # ELAN's four, which it expects in every document
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed within this interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the same parent are ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}
_REFUSED = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")      # XML 1.0 has no such characters


def write(recording: Recording, path: Path) -> Path:
    facts, tiers = _tiers.tiers(recording, step=STEP)
    root = ET.Element("ANNOTATION_DOCUMENT", {
        "AUTHOR": "Attune", "DATE": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "FORMAT": "3.0", "VERSION": "3.0",
        "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance", "xsi:noNamespaceSchemaLocation": SCHEMA})
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    place = quote(recording.source)
    kind = mimetypes.guess_type(recording.source)[0] or "unknown"
    ET.SubElement(header, "MEDIA_DESCRIPTOR", MEDIA_URL=f"file:///{place}", MIME_TYPE=kind, RELATIVE_MEDIA_URL=f"./{place}")
    count = sum(len(t.rows) for t in tiers)
    for name, text in ((PROPERTY, json.dumps(facts, separators=(",", ":"))), ("lastUsedAnnotationId", str(count))):
        ET.SubElement(header, "PROPERTY", NAME=name).text = text
    ends = [(round(t * 1000), tier, row, end) for tier, own in enumerate(tiers) for row, r in enumerate(own.rows) for end, t in enumerate(r[:2])]
    order = ET.SubElement(root, "TIME_ORDER")
    slot = {}
    for n, (ms, tier, row, end) in enumerate(sorted(ends), 1):
        slot[tier, row, end] = f"ts{n}"
        ET.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=f"ts{n}", TIME_VALUE=str(ms))
    number = 0
    for i, own in enumerate(tiers):
        participant = {"PARTICIPANT": _clean(own.person)} if own.person else {}
        element = ET.SubElement(root, "TIER", {"LINGUISTIC_TYPE_REF": own.kind, **participant, "TIER_ID": _clean(own.name)})
        for j, (_, _, text) in enumerate(own.rows):
            number += 1
            aligned = ET.SubElement(ET.SubElement(element, "ANNOTATION"), "ALIGNABLE_ANNOTATION", ANNOTATION_ID=f"a{number}",
                                    TIME_SLOT_REF1=slot[i, j, 0], TIME_SLOT_REF2=slot[i, j, 1])
            ET.SubElement(aligned, "ANNOTATION_VALUE").text = _clean(text)
    for name in dict.fromkeys(["speech", *(t.kind for t in tiers)]):
        ET.SubElement(root, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID=name, TIME_ALIGNABLE="true")
    for name, text in CONSTRAINTS.items():
        ET.SubElement(root, "CONSTRAINT", STEREOTYPE=name, DESCRIPTION=text)
    ET.indent(root)
    return _files.put(path, ET.tostring(root, encoding="UTF-8", xml_declaration=True))


def read(path: Path) -> Recording:
    root = _parsed(path)
    header = root.find("HEADER")
    facts = None
    for element in header.iter("PROPERTY") if header is not None else ():
        if element.get("NAME") == PROPERTY:
            facts = _tiers.facts_of(element.text or "", path.name)
    times = _times(root, path)
    source = facts["source"] if facts else _source(root) or path.stem
    tiers, dependent = [], []
    for element in root.iter("TIER"):
        rows = [_row(a, times, path) for a in element.iter("ALIGNABLE_ANNOTATION")]
        name = element.get("TIER_ID", "")
        if facts is None and (element.get("PARENT_REF") or (not rows and element.find("ANNOTATION") is not None)):
            dependent.append(name)
            continue
        tiers.append(_tiers.Tier(name, element.get("PARTICIPANT", ""), sorted(rows)))
    found = _tiers.recording_of(facts, tiers, source=source, duration=max(times.values(), default=0.0), what=f"ELAN ({path.name})")
    return found if not dependent else replace(found, notes=(*found.notes, f"tiers that depend on others aren't read: {', '.join(dependent)}"))


def mine(path: Path) -> bool:
    return "<ANNOTATION_DOCUMENT" in _files.glance(path)


def _parsed(path: Path) -> ET.Element:
    """The document's root; document types, and with them entities, are refused: no annotation document has any."""
    text = _files.text_of(path, "an ELAN document (.eaf)")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise RecordingError(f"{path.name} declares a document type or entities, which is refused: they can hide anything; ELAN writes none")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise RecordingError(f"{path.name} is no whole XML document ({error}); expected an ELAN document (.eaf)") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise RecordingError(f"{path.name} is XML with the root <{root.tag[:40]}>; expected <ANNOTATION_DOCUMENT>")
    return root


def _times(root: ET.Element, path: Path) -> dict[str, float]:
    """Seconds by time slot; a slot without a value lies evenly between its neighbours, as ELAN shows it."""
    ids, values = [], []
    for element in root.iter("TIME_SLOT"):
        ids.append(element.get("TIME_SLOT_ID", ""))
        value = element.get("TIME_VALUE")
        if value is not None and not value.lstrip("-").isdigit():
            raise RecordingError(f"{path.name}: time slot {ids[-1]} has the value {value[:20]!r}; expected whole milliseconds")
        values.append(None if value is None else int(value) / 1000)
    known = [i for i, v in enumerate(values) if v is not None]
    if values and not known:
        raise RecordingError(f"{path.name} has time slots, none with a time; expected milliseconds")
    if not known:
        return {}
    return dict(zip(ids, np.interp(range(len(values)), known, [v for v in values if v is not None]).tolist(), strict=True))


def _row(element: ET.Element, times: dict[str, float], path: Path) -> tuple[float, float, str]:
    try:
        start, end = times[element.get("TIME_SLOT_REF1", "")], times[element.get("TIME_SLOT_REF2", "")]
    except KeyError as error:
        raise RecordingError(f"{path.name}: annotation {element.get('ANNOTATION_ID')} refers to the time slot {error}, which isn't there") from error
    return start, max(start, end), element.findtext("ANNOTATION_VALUE") or ""


def _source(root: ET.Element) -> str:
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    return "" if media is None else (media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or "").rpartition("/")[2]


def _clean(text: str) -> str:
    return _REFUSED.sub("\ufffd", text)
