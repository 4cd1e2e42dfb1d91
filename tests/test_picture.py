"""A camera's picture, decoded from its bytes at once."""

import numpy as np
import pytest

from attune.errors import MediaError
from attune.media import Media, jpeg
from attune.media.picture import decoded


@pytest.fixture(scope="module")
def data():
    return jpeg(np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1))


def test_a_jpeg_is_what_its_file_is(data, tmp_path):
    (tmp_path / "a.jpg").write_bytes(data)
    (_, rgb), = Media.open(tmp_path / "a.jpg").frames(1.0)
    np.testing.assert_array_equal(decoded(data), rgb)


@pytest.mark.parametrize("kind", [b"", b"no picture", b"GIF89a" + bytes(50), b"RIFF\0\0\0\0WAVE" + bytes(50), b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" + bytes(50)])
def test_what_is_no_picture_is_an_error_that_says_what_came(kind):
    with pytest.raises(MediaError, match=r"picture"):
        decoded(kind)


def test_a_picture_beyond_the_limit_is_refused_before_it_is_decoded(data):
    with pytest.raises(MediaError, match="megapixels"):
        decoded(data, max_pixels=1000)
