"""From pictures to faces, tracks, values and portraits: what a file gives is what a stream gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import faces_made as made
import numpy as np

from attune.face import FaceStream, align, quality
from attune.settings import Settings
from attune.types import Faces

FPS = 3
BEN: dict[str, Any] = {"skin": (120, 80, 60), "hair": (20, 20, 20), "shirt": (200, 60, 60)}


def measure(frames: Iterable[tuple[float, np.ndarray]], net: Any, settings: Settings | None = None) -> SimpleNamespace:
    """Everything the stream says of some pictures."""
    stream = FaceStream(net, settings)
    said = [(time, *stream.push(time, frame)) for time, frame in frames]
    values = np.concatenate([np.zeros((0, stream.width), np.float32), *(v for *_, v in said)])
    return SimpleNamespace(faces=Faces.join([f for _, f, _ in said]), values=values, times=np.array([t for t, *_ in said]),
                           people=stream.people, portraits=stream.portraits)


def mean_colour(crops: np.ndarray) -> np.ndarray:
    return crops.mean(axis=(1, 2)).astype(np.float32)


def model(template: Any = align.FER, answer: Callable[[np.ndarray], np.ndarray] = mean_colour) -> Any:
    return SimpleNamespace(SIZE=(48, 48), TEMPLATE=template, TAXONOMIES=("vad",), load=lambda: answer)


def film(n: int = 9) -> Iterator[tuple[float, np.ndarray]]:
    """One person, joined by a second after a second; nobody in the last two pictures."""
    for t in range(n):
        frame = made.picture()
        if t < n - 2:
            frame = made.draw(frame, 160 + 8 * t, 160, 100, roll=8)
            if t >= 3:
                frame = made.draw(frame, 470 - 5 * t, 165, 110, **BEN)
        yield t / FPS, frame


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in Faces.SHAPES)


def test_film_gives_its_people_their_values_and_the_times_looked_at() -> None:
    seen = measure(film(), model())
    assert seen.people == {0: "person 1", 1: "person 2"}
    assert np.array_equal(seen.times, np.arange(9) / FPS)
    assert [int((seen.faces.track == k).sum()) for k in (0, 1)] == [7, 4]
    assert seen.values.shape == (11, 3) and seen.values.dtype == np.float32 and np.isfinite(seen.values).all()
    assert seen.faces.time[seen.faces.track == 1].min() == 1.0
    assert (seen.faces.quality > 0.3).all() and (seen.faces.quality <= 1).all()


def test_file_stream_and_repetition_give_the_same_numbers() -> None:
    whole = measure(film(), model())
    stream = FaceStream(model(), Settings())
    pieces = [stream.push(time, frame) for time, frame in film()]
    assert same(whole.faces, Faces.join([faces for faces, _ in pieces if len(faces)]))
    assert np.array_equal(whole.values, np.concatenate([values for _, values in pieces]))
    assert stream.people == whole.people
    assert all(np.array_equal(stream.portraits[k], whole.portraits[k]) for k in whole.portraits)
    again = measure(film(), model())
    assert same(whole.faces, again.faces) and np.array_equal(whole.values, again.values)


def test_pictures_do_not_know_what_comes_after() -> None:
    whole, start = measure(film(), model()), measure(list(film())[:5], model())
    n = len(start.faces)
    assert np.array_equal(whole.faces.track[:n], start.faces.track) and np.array_equal(whole.values[:n], start.values)


def test_model_sees_the_face_as_its_template_says() -> None:
    seen: list[np.ndarray] = []

    def keep(crops: np.ndarray) -> np.ndarray:
        seen.append(crops)
        return mean_colour(crops)

    frame = made.draw(made.picture(), 320, 160, 120, roll=20)
    found = measure([(0.0, frame)], model(answer=keep))
    landmarks = found.faces.landmarks[0]
    straight = align.crop(frame, landmarks, align.FER, (48, 48))         # the model's is the face that is judged, made smaller
    assert np.array_equal(seen[0][0], align.shrunk(quality.aligned(frame, landmarks), (48, 48)))
    assert np.abs(seen[0][0].astype(int) - straight).mean() < 3 < np.abs(straight[:, ::-1].astype(int) - straight).mean()
    measure([(0.0, frame)], model(template=align.FER + 2, answer=keep))
    assert np.array_equal(seen[1][0], align.crop(frame, landmarks, align.FER + 2, (48, 48)))
    measure([(0.0, frame)], model(template=None, answer=keep))
    assert np.array_equal(seen[2][0], align.level(frame, found.faces.box[0], landmarks, 48))


def test_model_that_cannot_say_leaves_nan() -> None:
    seen = measure(film(4), model(answer=lambda crops: np.full((len(crops), 3), np.nan, np.float32)))
    assert len(seen.faces) == len(seen.values) and np.isnan(seen.values).all()


def test_without_a_model_faces_are_found_all_the_same() -> None:
    seen = measure(film(4), None)
    assert len(seen.faces) == 2 and seen.values.shape == (2, 0)


def test_pictures_without_a_face_give_nothing_but_their_times() -> None:
    seen = measure(((t / FPS, made.picture()) for t in range(4)), model())
    assert len(seen.faces) == 0 and seen.values.shape == (0, 3) and len(seen.times) == 4
    assert seen.people == {} and seen.portraits == {}


def test_no_pictures_at_all() -> None:
    seen = measure([], model())
    assert len(seen.faces) == 0 and len(seen.times) == 0


def test_everybody_in_a_single_picture_is_a_person() -> None:
    frame = made.draw(made.picture(), 160, 160, 100, roll=8)
    frame = made.draw(frame, 470, 165, 110, **BEN)
    assert measure([(0.0, frame)], None).people == {0: "person 1", 1: "person 2"}


def test_face_seen_once_in_a_film_is_nobody_yet() -> None:
    pictures = [(t / FPS, made.draw(made.picture(), 320, 160, 110, roll=8) if t == 1 else made.picture()) for t in range(4)]
    seen = measure(pictures, None)
    assert len(seen.faces) == 1 and seen.people == {} and seen.portraits == {}


def test_portraits_are_small_and_can_be_left_out() -> None:
    seen = measure(film(), None)
    assert set(seen.portraits) == {0, 1}
    assert all(p.shape == (96, 96, 3) and p.dtype == np.uint8 for p in seen.portraits.values())
    assert measure(film(5), None, Settings(portraits=False)).portraits == {}


def test_settings_are_followed() -> None:
    frame = made.draw(made.picture(), 320, 160, 60, roll=8)
    assert len(measure([(0.0, frame)], None, Settings(min_face=150)).faces) == 0
    assert len(measure([(0.0, frame)], None, Settings(face_score=0.9999)).faces) == 0
