"""eSpeak NG: formant synthesis in many languages, a clearly artificial voice (GPL-3.0, a program of its own)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from attune.errors import AttuneError

PROGRAM = "espeak-ng"
OBTAIN = "install it with the system's packages, such as apt-get install espeak-ng"
LONGEST = 2000                           # characters of a sentence that are spoken
PATIENCE = 30.0                          # s
SPEED = 160                              # words a minute


def installed() -> bool:
    return shutil.which(PROGRAM) is not None


def speak(text: str, language: str = "") -> bytes:
    """A WAV file; English where the program doesn't speak the language.

    Raises
    ------
    AttuneError
        If the program fails.
    """
    tag = language.lower().split("-")[0]
    with tempfile.TemporaryDirectory(prefix="attune-") as folder:
        file = Path(folder) / "said.wav"
        command = [PROGRAM, "-v", tag if tag in _languages() else "en", "-s", str(SPEED), "--stdin", "-w", str(file)]
        try:
            subprocess.run(command, input=text[:LONGEST].encode(), capture_output=True, check=True, timeout=PATIENCE)
            return file.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise AttuneError(f"{PROGRAM} couldn't speak ({error}); is it installed whole?") from error


@cache
def _languages() -> frozenset[str]:
    listed = subprocess.run([PROGRAM, "--voices"], capture_output=True, text=True, check=False, timeout=PATIENCE).stdout.splitlines()[1:]
    return frozenset(line.split()[1].split("-")[0] for line in listed if len(line.split()) > 1)
