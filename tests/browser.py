"""A real Chromium, driven over its DevTools protocol: what a reader of the live page would see, press and drop."""

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
import wave
from contextlib import ExitStack, suppress
from pathlib import Path

CHROMIUM = shutil.which("chromium")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-extensions", "--hide-scrollbars", "--mute-audio", "--disable-dev-shm-usage", "--remote-debugging-port=0",
         "--autoplay-policy=no-user-gesture-required", "--disable-features=Translate,MediaRouter")
PATIENCE = 120.0                         # s; the machine may be busy


class Browser:
    """One window of Chromium.

    camera, microphone
        Files that its fake camera (.y4m, .mjpeg) and microphone (.wav) play, again and again.
    allowed
        Whether it lets pages use them.
    """

    def __init__(self, profile: Path, *, camera=None, microphone=None, allowed=True, size=(1280, 860)):
        from websockets.sync.client import connect

        flags = [*FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}", "--use-fake-device-for-media-stream"]
        flags += ["--use-fake-ui-for-media-stream"] if allowed else ["--deny-permission-prompts"]
        flags += [f"--use-file-for-fake-video-capture={camera}"] if camera else []
        flags += [f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
        self.process = subprocess.Popen([CHROMIUM, *flags, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.open = ExitStack()
        try:
            self._connect(connect, Path(profile))
        except BaseException:
            self.close()
            raise

    def _connect(self, connect, profile):
        port_file, until = profile / "DevToolsActivePort", time.monotonic() + PATIENCE
        while not (port_file.is_file() and port_file.read_text().strip()):
            assert self.process.poll() is None and time.monotonic() < until, "Chromium didn't start"
            time.sleep(0.1)
        port = port_file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
            target = next(t for t in json.load(answer) if t["type"] == "page")
        self.line = self.open.enter_context(connect(target["webSocketDebuggerUrl"], max_size=None, open_timeout=PATIENCE, ping_interval=None))
        self.numbers = itertools.count(1)
        self.errors, self.requests, self.first = [], [], []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        """A command, and its result; what is told meanwhile is noted."""
        number = next(self.numbers)
        self.line.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.line.recv(timeout=PATIENCE * 2))
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self._note(message.get("method"), message.get("params", {}))

    def _note(self, method, params):
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(params["url"])

    def js(self, expression):
        """The value of an expression in the page; a promise is awaited."""
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"].get("exception", {}).get("description")
        return result["result"].get("value")

    def until(self, condition, seconds=PATIENCE):
        """Wait until an expression is true in the page."""
        came = self.js(f"""new Promise((done) => {{
            const until = Date.now() + {1000 * seconds}, look = () => {{
                let value = null;
                try {{ value = Boolean({condition}); }} catch {{}}
                if (value || Date.now() > until) done(value);
                else setTimeout(look, 60);
            }};
            look();
        }})""")
        assert came, f"not within {seconds:.0f} s: {condition}; the page says: {self.js('document.body.innerText')[:1500]!r}; errors: {self.errors}"

    def go(self, address, first=""):
        """Open an address; `first` runs in the page before anything of its own."""
        if first and first not in self.first:
            self.first.append(first)
            self.send("Page.addScriptToEvaluateOnNewDocument", source=first)
        self.send("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def press(self, key):
        code = {"Escape": "Escape", "Tab": "Tab", "Enter": "Enter"}.get(key)
        more = {"key": key, **({"code": code} if code else {"text": key})}
        if key == "Enter":
            more["text"] = "\r"
        self.send("Input.dispatchKeyEvent", type="keyDown", windowsVirtualKeyCode=27 if key == "Escape" else 9 if key == "Tab" else ord(key[0].upper()), **more)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, selector):
        self.js(f"document.querySelector({json.dumps(selector)}).click()")

    def choose(self, selector, *files):
        """Put files into a file input."""
        document = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", files=[str(f) for f in files], nodeId=node)

    def drop(self, name, kind, data, selector="body"):
        """Drop a file that holds these bytes onto the page."""
        text = base64.b64encode(data).decode()
        self.js(f"""(() => {{
            const bytes = Uint8Array.from(atob("{text}"), (c) => c.charCodeAt(0)), carried = new DataTransfer();
            carried.items.add(new File([bytes], {json.dumps(name)}, {{ type: {json.dumps(kind)} }}));
            for (const type of ["dragenter", "dragover", "drop"])
                document.querySelector({json.dumps(selector)}).dispatchEvent(new DragEvent(type, {{ bubbles: true, cancelable: true, dataTransfer: carried }}));
        }})()""")

    def media(self, *, scheme="light", motion="no-preference"):
        """What the reader's system prefers."""
        features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def resize(self, width, height, *, phone=False):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)

    def picture(self, path, kind="png"):
        quality = {"quality": 80} if kind != "png" else {}
        Path(path).write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format=kind, **quality)["data"]))

    def close(self):
        with suppress(Exception):
            self.send("Browser.close")
        with suppress(Exception):
            self.open.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


# ---- what its fake camera and microphone play -----------------------------------------------------------------------------------

def pictures_of(source, path, *, change=None, every=1):
    """A film's pictures as a file for the fake camera; every so manieth, each (h, w, 3) changed. Its path."""
    import av

    with av.open(str(source)) as film, av.open(str(path), "w", format="mjpeg") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = film.streams.video[0].width, film.streams.video[0].height, "yuvj420p"
        for i, frame in enumerate(film.decode(video=0)):
            if i % every == 0:
                shown = frame if change is None else av.VideoFrame.from_ndarray(change(frame.to_ndarray(format="rgb24")), format="rgb24")
                out.mux(stream.encode(shown.reformat(format="yuvj420p", dst_color_range="JPEG")))
        out.mux(stream.encode(None))
    return path


def sound_of(source, path):
    """A film's sound as a file for the fake microphone. Its path."""
    import av

    resampler = av.AudioResampler("s16", "mono", 48_000)
    with av.open(str(source)) as film, wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 48_000, 0, "NONE", ""))
        for frame in film.decode(audio=0):
            for piece in resampler.resample(frame):
                out.writeframes(piece.to_ndarray().tobytes())
    return path
