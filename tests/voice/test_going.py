"""What is known of speech before it is over."""

from pathlib import Path

import numpy as np
import pytest

from attune import registry
from attune.media import Media
from attune.settings import Settings
from attune.voice import VoiceStream

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"


@pytest.fixture(scope="module")
def sound():
    return Media.open(SAMPLE).waveform(16_000)


def test_speech_that_goes_on_begins_where_its_utterance_will(sound):
    stream, going = VoiceStream(None, Settings()), []
    for at in range(0, len(sound), 1600):
        stream.push(sound[at : at + 1600])
        going += [stream.going] if stream.going else []
    stream.close()
    assert [start for start, _ in dict(going).items()] == [start for start, _ in stream.speech]
    for start, end in stream.speech:
        heard = [b for a, b in going if a == start]
        assert heard == sorted(heard) and heard[-1] <= end
    assert stream.going is None and stream.judged == pytest.approx(len(sound) / 16_000)


def test_silence_and_a_click_are_nothing_that_goes_on(sound):
    stream = VoiceStream(None, Settings())
    quiet = np.zeros(32_000, np.float32)
    quiet[8000:8200] = 0.9
    stream.push(quiet)
    assert stream.going is None


def test_a_stretch_that_is_listened_to_is_measured_as_a_unit_would_be(sound):
    model = registry.load("attune.voice.models", "prosody_whisper")
    stream = VoiceStream(model, Settings())
    units = [u for at in range(0, len(sound), 1600) for u in stream.push(sound[at : at + 1600])]
    last = units[-1]
    again = stream.listen(last.segment.start, last.segment.end)
    np.testing.assert_array_equal(again.values, last.values)
    assert again.quality == last.quality
    short = stream.listen(stream.duration - 0.01, stream.duration)
    assert np.isnan(short.values).all() and short.reason == "too short"
