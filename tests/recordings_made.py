"""A recording that nobody recorded: two people, a pause, rows without values, umlauts and quotes."""

import numpy as np

from attune import export
from attune.align import align
from attune.fusion import fuse, project
from attune.taxonomy import taxonomy
from attune.types import Estimates, Faces, Recording, Segment

ADA, BO = "Ada", "Bo Müller"
UNITS = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU23", "AU25", "AU26")      # OpenFace's


def talk():
    rows = (
        Segment(0, 1.25, ADA, 'Er sagte „Ähm", "nein", — & <b>!', (Segment(0, 0.5, ADA, "Er", confidence=0.5), Segment(0.5, 1.25, ADA, "sagte")), confidence=0.75),
        Segment(0, 1.25, BO, kind="seen"), Segment(1.25, 2.5, ADA, kind="pause"), Segment(1.25, 2.5, BO, kind="pause"),
        Segment(2.5, 4.0, BO, "Grüße, ja?"), Segment(2.5, 4.0, ADA, kind="seen"))
    said = [rows[0], rows[4]]
    rng = np.random.default_rng(0)
    cells = [Segment(k / 3, (k + 1) / 3, p) for k in range(12) for p in (ADA, BO)]
    values = rng.dirichlet(np.ones(8), 24).astype(np.float32)
    values[3] = np.nan
    reason = ["the model gave no value" if i == 3 else "" for i in range(24)]
    quality = rng.random(24).astype(np.float32)
    face = Estimates.of(cells, values, taxonomy=taxonomy("ferplus8"), modality="face", model="ferplus_resnet", quality=quality, reason=reason)
    moved = np.full((24, 20), np.nan, np.float32)
    moved[:, [taxonomy("facs").index(u) for u in UNITS]] = rng.random((24, 16)) * 5
    moved[3] = np.nan
    units = Estimates.of(cells, moved, taxonomy=taxonomy("facs"), modality="face", model="units", quality=quality, reason=reason)
    voice = Estimates.of(said, rng.dirichlet(np.ones(8), 2), taxonomy=taxonomy("ravdess8"), modality="voice", model="prosody_whisper")
    text = Estimates.of(said, [[0.1, -0.2, np.nan], [0.3, 0.1, 0.1]], taxonomy=taxonomy("vad"), modality="text", model="minilm_emotions",
                        spread=np.array([[0.1, 0.2, np.nan], [0.3, 0.1, 0.2]], np.float32))
    estimates = (face, project(face, "vad"), units, voice, text)
    fused = fuse([align(e, rows, missing=export.MISSING[e.modality]) for e in estimates])
    corner = rng.random((24, 2)) * 100
    faces = Faces(face.start + 0.01, np.concatenate([corner, corner + 50], axis=1), rng.random((24, 5, 2)), rng.random(24), np.arange(24) % 2,
                  rng.random((24, 3)) * 20, rng.random(24), rng.random(24))
    return Recording("talk é.mp4", 4.5, rows, faces, (*estimates, *fused), {"fps": 3.0, "transcript": None}, {"attune": "0"}, ("no sound, „leider\"",),
                     {ADA: b"\xff\xd8jpeg"}, {"video": {"width": 640, "fps": 25.0}})


def ordered(e):
    return e.where(np.lexsort((e.person.astype(str), e.end, e.start)))
