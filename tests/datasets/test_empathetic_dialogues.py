"""EmpatheticDialogues on made-up files of both layouts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trees_made import write

from attune.datasets import empathetic_dialogues
from attune.errors import MediaError
from attune.taxonomy import taxonomy

HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n"


def mini(root: Path) -> None:
    write(root, "train.csv", HEADER + 'hit:0_conv:1,1,lonely,I moved_comma_ alone,1,I moved. "Alone".,5|5|5_2|2|5,\n'
                                      "hit:0_conv:1,2,lonely,I moved_comma_ alone,0,Oh_comma_ no,5|5|5_2|2|5,\n")
    write(root, "valid.csv", HEADER + "hit:2_conv:4,1,proud,She won,1,Look!,5|5|5_2|2|5,\n")
    write(root, "test.csv", HEADER + "hit:3_conv:6,1,angry,He left,1,Why?,5|5|5_2|2|5,,more,columns\n")


def test_a_dialogue_begins_with_its_situation(tmp_path: Path) -> None:
    mini(tmp_path)
    situation, speaker, listener, *_ = empathetic_dialogues.items(tmp_path)
    assert [i.about["role"] for i in (situation, speaker, listener)] == ["situation", "speaker", "listener"]
    assert (situation.text, speaker.text, listener.text) == ("I moved, alone", 'I moved. "Alone".', "Oh, no")


def test_the_emotion_is_the_speakers(tmp_path: Path) -> None:
    mini(tmp_path)
    situation, speaker, listener, *_ = empathetic_dialogues.items(tmp_path)
    labels = taxonomy("empathetic32").labels
    assert [labels[i.values.argmax()] for i in (situation, speaker)] == ["lonely", "lonely"]
    assert np.isnan(listener.values).all()


def test_parquet_has_intents(tmp_path: Path) -> None:
    row = {"Dialog_ID": "hit:0_conv:1", "Type": "utterance", "Actor": "listener", "Text": "Oh, no", "emotion": "lonely", "silver_intent_or_emotion": "sympathizing"}
    pq.write_table(pa.Table.from_pylist([row | {"Type": "situation", "Actor": "none"}, row]), tmp_path / "dev.parquet")
    pq.write_table(pa.table({"text": ["oh"], "intent": ["questioning"]}), tmp_path / "intent_manual.parquet")
    first, second = empathetic_dialogues.items(tmp_path)
    assert (first.about["role"], second.about["role"], second.about["intent"]) == ("situation", "listener", "sympathizing")
    assert empathetic_dialogues.intents(tmp_path) == [("oh", "questioning")]


def test_intents_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="intent_manual"):
        empathetic_dialogues.intents(tmp_path)
