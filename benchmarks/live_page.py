"""How long the live page takes from what the camera and the microphone give to what the screen shows, beside the models alone.

    python benchmarks/live_page.py [--seconds 60] [--fps 3]

A real Chromium, whose fake camera and microphone play samples/hello.mp4 again and again, before `attune serve`, both on this machine. The page's own
clock is read: of a picture, from the moment it is taken from the camera (before it becomes a JPEG) to the frame that draws its box; of a voice that is
still speaking, from the end of the sound that was measured to the frame that draws the estimate. Writes benchmarks/results/live_page.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from browser import Browser, pictures_of, sound_of  # noqa: E402

SAMPLE = ROOT / "samples" / "hello.mp4"
WARM = 5.0                               # s that aren't counted: models are opened, the browser compiles
ROWS = (("picture to its box on the screen", "face"), ("of it the face model, detection included", "face model"),
        ("last sound to the interim voice on the screen", "voice"), ("of it the voice model", "voice model"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fps", default="3", choices=["1", "3", "5", "10"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="attune-") as folder:
        found = measured(Path(folder), asked.seconds, asked.fps)
    lines = [
        "# From the camera to the screen", "", f"`python benchmarks/live_page.py --seconds {asked.seconds:.0f} --fps {asked.fps}`", "",
        f"{os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[1]:.1f} over five minutes; server, models and browser (which draws without a "
        f"graphics card) on the same machine. {found['pictures']} pictures sent in {asked.seconds:.0f} s, {found['fps']:g} a second wanted at the end, "
        f"{found['frames']:.0f} frames drawn a second.", "",
        "| what | n | p50, ms | p95, ms |", "|---|---|---|---|",
        *(f"| {what} | {q['n']} | {q['p50']} | {q['p95']} |" for what, name in ROWS if (q := found["delays"][name])),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    (ROOT / "benchmarks" / "results" / "live_page.md").write_text(text, encoding="utf-8")


def measured(folder: Path, seconds: float, fps: str) -> dict[str, Any]:
    """The page's own figures after so many seconds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    server = subprocess.Popen([sys.executable, "-m", "attune.cli", "serve", "--data", str(folder / "data"), "--port", str(port)],
                              env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    browser = None
    try:
        _answers(server, f"{address}health")
        browser = Browser(folder / "profile", camera=pictures_of(SAMPLE, folder / "camera.mjpeg"), microphone=sound_of(SAMPLE, folder / "microphone.wav"))
        browser.go(address)
        browser.js("import('/static/live.js').then((m) => { globalThis.page = m; })")
        browser.until("page && document.querySelector('form.idle')")
        browser.js(f"(() => {{ const s = document.querySelector('[name=fps]'); s.value = '{fps}'; s.dispatchEvent(new Event('change')); }})()")
        browser.click("[name=agreed]")
        browser.press("s")
        browser.until("page.live.state === 'live'")
        browser.send("Network.disable")                        # it would tell of every message, pictures and all
        time.sleep(WARM)
        browser.js("page.live.delays.all = {}, globalThis.before = [page.live.drawn, page.live.connection.pictures]")
        time.sleep(seconds)
        found: dict[str, Any] = browser.js("""({ fps: page.live.fps, frames: page.live.drawn - before[0], pictures: page.live.connection.pictures - before[1],
            delays: Object.fromEntries(Object.keys(page.live.delays.all).map((name) => [name, page.live.delays.of(name)])) })""")
        return {**found, "frames": found["frames"] / seconds}
    finally:
        if browser is not None:
            browser.close()
        server.terminate()
        server.wait(60)


def _answers(server: subprocess.Popen[bytes], address: str) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(address, timeout=30):
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise SystemExit("the server didn't start") from None
            time.sleep(0.2)


if __name__ == "__main__":
    main()
