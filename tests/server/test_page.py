"""The live page in a real Chromium, whose camera and microphone play the sample clip, before a real server that measures."""

import contextlib
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import CHROMIUM, Browser, pictures_of, sound_of

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "samples" / "hello.mp4"
PATIENCE = 240.0                         # s; the machine may be busy
STATIC = ROOT / "attune" / "server" / "static"
STARTED = "document.querySelector('#live').dataset.state === 'live'"
OVER = "document.querySelector('#live').dataset.state === 'over'"
browsers = pytest.mark.skipif(CHROMIUM is None, reason="looks at the page with Chromium: apt-get install chromium")

# The page's own module, as the page has it: one instance, so that a test sees what the page sees.
MODULE = "globalThis.page = null; addEventListener('load', () => import('/static/live.js').then((m) => (globalThis.page = m)));"
# The page's own WebSocket, so that a test can break the line.
LINE = "const Real = WebSocket; globalThis.lines = []; globalThis.WebSocket = class extends Real { constructor(...a) { super(...a); lines.push(this); } };"
# Whether and how the page asked for camera and microphone.
ASKED = ("globalThis.asked = []; const devices = navigator.mediaDevices, real = devices.getUserMedia.bind(devices);"
         "devices.getUserMedia = (c) => (asked.push(c), real(c));")
FIRST = f"if (location.protocol === 'http:') {{ {MODULE} {LINE} {ASKED} }}"


# ---- what the fake camera and microphone play -----------------------------------------------------------------------------------

def twice(rgb):
    """The same face twice, beside each other."""
    import numpy as np

    half = rgb[:, 160:480]
    return np.ascontiguousarray(np.concatenate([half, half[:, ::-1]], axis=1))


def wall(rgb):
    """Nobody: the picture's own wall."""
    import numpy as np

    return np.ascontiguousarray(np.resize(rgb[20:60, 20:100], (480, 640, 3)))


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """media(name) -> the file, made once."""
    folder, made = tmp_path_factory.mktemp("media"), {}
    changes = {"hello": {}, "two": {"change": twice, "every": 3}, "nobody": {"change": wall, "every": 12}}

    def get(name):
        if name not in made:
            made[name] = sound_of(SAMPLE, folder / "hello.wav") if name == "sound" else pictures_of(SAMPLE, folder / f"{name}.mjpeg", **changes[name])
        return made[name]

    return get


@pytest.fixture(scope="module")
def browser(tmp_path_factory, media):
    """browser(camera) -> Chromium with this before its camera; one for each camera."""
    open_ones = {}

    def get(camera="hello", **more):
        name = camera, *more.items()
        if name not in open_ones:
            files = {"camera": media(camera), "microphone": media("sound")} if camera else {}
            open_ones[name] = Browser(tmp_path_factory.mktemp("profile"), **files, **more)
        return open_ones[name]

    yield get
    for one in open_ones.values():
        one.close()


@pytest.fixture
def page(browser, serving):
    """page(camera) -> a browser on the live page, before the start. At the end: no error was written, and no other address was asked."""
    used = []

    def open_page(camera="hello", view="", **more):
        one = browser(camera, **more)
        one.errors.clear(), one.requests.clear()
        one.send("Page.navigate", url="about:blank")
        one.go(f"{serving}/{view}", FIRST)
        one.until("page && document.querySelector('form.idle')")
        used.append(one)
        return one

    yield open_page
    for one in used:
        one.js("page.stop()")
        assert one.errors == []
        others = {r for r in one.requests if urlsplit(r).netloc != urlsplit(serving).netloc and not r.startswith(("blob:", "data:", "about:"))}
        assert not others


def start(one, *, record=False):
    one.click("[name=agreed]")
    if record and not one.js("document.querySelector('[name=record]').checked"):
        one.press("r")
    one.press("s")
    one.until(STARTED)


def told(one, modality):
    return one.js(f"page.live.memory.told.{modality}")


# ---- the files ------------------------------------------------------------------------------------------------------------------

def test_the_page_may_only_run_show_and_ask_what_this_server_sends(local):
    answer = local().get("/")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws://127.0.0.1:8000 wss://127.0.0.1:8000" and policy["frame-ancestors"] == "'none'"
    assert "camera=(self)" in answer.headers["permissions-policy"] and "unsafe" not in str(policy)


def test_every_file_that_the_page_names_is_sent_and_none_names_another_address(local):
    client = local()
    named, seen = {"/"}, set()
    while named - seen:
        name = (named - seen).pop()
        answer = client.get(name)
        assert answer.status_code == 200, name
        seen.add(name)
        text = answer.text
        assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {"http://www.w3.org/2000/svg", "http://localhost"}, name
        named |= set(re.findall(r"[\"'](/static/[\w.]+)[\"']", text)) | {f"/static/{n}" for n in re.findall(r"from \"\./([\w.]+)\"", text)}
    assert {f"/static/{f.name}" for f in STATIC.iterdir()} - {"/static/index.html"} <= seen and {"/static/house.css", "/static/elements.js"} <= seen


@pytest.mark.parametrize("name", ["../pages.py", "..%2Fpages.py", "pages.py", "", "%00", "elements.js.map", ".", "live.css%0a"])
def test_nothing_else_is_sent(local, name):
    assert local().get(f"/static/{name}").status_code == 404


def test_the_page_is_open_where_keys_are_asked_for_but_nothing_of_anybody_is(local):
    client = local(keys=("k" * 16,))
    assert client.get("/").status_code == client.get("/static/page.js").status_code == 200
    assert client.get("/v1/recordings").status_code == 401


# ---- live -----------------------------------------------------------------------------------------------------------------------

@browsers
def test_nothing_is_opened_before_an_agreed_start(page):
    one = page()
    assert "Art. 50(3)" in one.js("document.querySelector('.notice details').textContent")
    one.press("s")
    one.until("document.querySelector('form.idle .wrong').textContent.includes('confirm')")
    assert one.js("document.activeElement.name") == "agreed" and one.js("asked.length") == 0 and one.js("lines.length") == 0


@browsers
def test_without_the_notice_there_is_no_start(page, serving):
    one = page()
    one.send("Network.setBlockedURLs", urls=["*/v1/notice"])
    try:
        one.send("Page.navigate", url="about:blank")
        one.go(serving)
        one.until("document.querySelector('#live .message h2').textContent.includes('answer')")
        assert not one.js("Boolean(document.querySelector('form.idle'))")
    finally:
        one.send("Network.setBlockedURLs", urls=[])
    one.click("#live .message button")
    one.until("document.querySelector('form.idle')")
    one.errors.clear()                                         # what was blocked is an error to a browser


@browsers
def test_a_session_draws_boxes_and_lanes_says_a_sentence_and_keeps_nothing(page, serving):
    import httpx

    before = len(httpx.get(f"{serving}/v1/recordings", timeout=PATIENCE).json())
    one = page()
    start(one)
    one.until("page.live.memory.told.face > 3 && page.live.memory.told.voice > 0 && page.live.memory.told.fused > 1", PATIENCE)
    one.until("document.getElementById('said').textContent.includes('Person 1')")
    assert one.js("document.getElementById('said').ariaLive") == "polite"
    # the box lies over the face: its edge is drawn, what it frames is not
    edge, inside = one.js("""(() => {
        const { overlay } = page.live, [face] = overlay.faces.values(), canvas = overlay.canvas, scale = canvas.width / overlay.size[0];
        const alpha = (x, y) => Math.max(...canvas.getContext("2d").getImageData(canvas.width - x * scale - 3, y * scale - 3, 7, 7).data.filter((_, i) => i % 4 === 3));
        const [x0, y0, x1, y1] = face.at;
        return [alpha(x0, (y0 + y1) / 2), alpha(x0 + 0.12 * (x1 - x0), y0 + 0.5 * (y1 - y0))];
    })()""")
    assert edge > 200 and inside == 0
    # each lane that has estimates draws them in the colour of a label
    for modality in ("fused", "face", "voice"):
        assert one.js(f"""(() => {{
            const canvas = document.querySelector('[data-modality={modality}] canvas'), {{ data }} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let coloured = 0;
            for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60) coloured++;
            return coloured;
        }})()""") > 30, modality
    one.press("s")
    one.until(OVER)
    assert "Nothing was kept" in one.js("document.getElementById('state').innerText")
    assert one.js("document.getElementById('video').srcObject === null") and len(httpx.get(f"{serving}/v1/recordings", timeout=PATIENCE).json()) == before


@browsers
def test_what_is_muted_is_neither_sent_nor_measured(page):
    one = page()
    start(one)
    one.until("page.live.memory.told.face > 1 && page.live.memory.told.voice > 0")
    one.press("f")
    one.press("v")
    assert one.js("document.querySelector('[data-mute=face]').ariaPressed") == "true"
    one.js("""(() => { globalThis.loud = 0; const send = Real.prototype.send; globalThis.kinds = [];
        lines.at(-1).send = function (data) { if (typeof data !== "string") { kinds.push(data[0]); if (data[0] === 1) loud = Math.max(loud, ...data.slice(9)); }
        return send.call(this, data); }; })()""".replace("Real.", "Object.getPrototypeOf(Object.getPrototypeOf(lines.at(-1))).constructor."))
    until, before = time.monotonic() + PATIENCE, None
    while (now := (told(one, "face"), told(one, "voice"))) != before and time.monotonic() < until:      # what was under way comes yet, on a busy machine late
        before = now
        one.js("loud = 0, kinds.length = 0")
        time.sleep(2)
    assert now == before
    kinds = one.js("kinds")
    assert kinds and set(kinds) == {1} and one.js("loud") == 0
    assert one.js("page.live.memory.why('face', page.live.memory.silences.face.at(-1).start, page.live.memory.silences.face.at(-1).start + 1)") == "muted"
    one.until("document.getElementById('said').textContent === ''")       # what was said a while ago isn't about now
    one.press("f")
    one.until(f"page.live.memory.told.face > {now[0]}")


@browsers
def test_keys_choose_dimensions_and_time_and_tell_how_it_goes(page):
    one = page()
    start(one)
    one.until("page.live.memory.told.face > 3 && page.live.memory.told.voice > 0")
    one.press("d")
    one.until("[...document.querySelectorAll('[data-modality=face] .chip')].some((c) => c.textContent === 'happiness')")
    one.press("-")
    assert one.js("page.live.panels.span") == 60
    one.click("[data-modality=face] [data-label=happiness]")
    assert one.js("document.querySelector('[data-modality=face] [data-label=happiness]').ariaPressed") == "false"
    one.press("?")
    one.until("document.getElementById('help').open && /p50 \\d+ ms, p95 \\d+ ms/.test(document.getElementById('diagnostics').textContent)")
    found = one.js("({ page: page.live.delays.of('face'), model: page.live.delays.of('face model') })")
    assert 0 < found["model"]["p50"] < found["page"]["p50"]
    one.press("Escape")
    one.until("!document.getElementById('help').open")
    one.press("2")
    one.until("!document.getElementById('files').hidden && document.getElementById('live').hidden")
    one.press("f")
    assert not one.js("page.live.muted.face")                  # keys of the session are the live view's
    one.press("1")
    one.until("!document.getElementById('live').hidden")
    assert one.js("page.live.state") == "live"


@browsers
def test_typed_words_are_read_as_those_of_the_utterance(page):
    one = page()
    start(one)
    one.until("page.live.memory.rows.voice.some((row) => !row.interim)", PATIENCE)
    one.js("document.querySelector('.type input').value = 'I am so happy about this'")
    one.js("document.querySelector('form.type').requestSubmit()")
    one.until("page.live.memory.told.text > 0")
    text, voices = one.js("page.live.memory.rows.text[0]"), one.js("page.live.memory.rows.voice")
    assert text["text"] == "I am so happy about this"
    assert any(abs(v["start"] - text["start"]) < 0.01 and abs(v["end"] - text["end"]) < 0.01 for v in voices)
    around = "words aren't recognised here"                    # the reason of the hatching, before the words and again after them
    assert one.js(f"page.live.memory.why('text', 0, {text['start']} - 0.01)") == (around if text["start"] > 0.05 else None)
    assert one.js(f"page.live.memory.why('text', {text['end']}, {text['end']} + 30)") == around
    assert one.js(f"page.live.memory.why('text', {text['start']}, {text['end']})") is None
    one.press("d")
    one.until("document.querySelector('[data-modality=text] .latest').textContent.includes('%')")


@browsers
def test_stop_leads_to_a_report_when_a_recording_is_kept(page, serving):
    import httpx

    one = page()
    start(one, record=True)
    one.until("page.live.memory.told.face > 3")
    assert "recording" in one.js("document.getElementById('corner').innerText")
    one.press("s")
    one.until("document.getElementById('report-link')")
    link = one.js("document.getElementById('report-link').getAttribute('href')")
    report = httpx.get(serving + link, timeout=PATIENCE)
    assert report.status_code == 200 and "person 1" in report.text
    listed = httpx.get(f"{serving}/v1/recordings", timeout=PATIENCE).json()[0]
    assert listed["consent"] == "confirmed on the live page" and link == f"{listed['link']}/report"
    one.press("3")
    one.until(f"document.querySelector('[data-id=\"{listed['id']}\"]')")
    one.press("1")
    one.js("[...document.querySelectorAll('#state button')].find((b) => b.textContent === 'Delete it').click()")
    one.until("document.querySelector('form.idle')")
    assert httpx.get(serving + link, timeout=PATIENCE).status_code == 404


@browsers
def test_a_broken_line_comes_back_and_the_time_between_stays_empty(page):
    one = page()
    start(one)
    one.until("page.live.memory.told.face > 1")
    one.js("lines.at(-1).close()")
    one.until("document.querySelector('#live').dataset.state === 'waiting'")
    assert "broke" in one.js("document.getElementById('state').innerText")
    before = told(one, "face")
    one.until(f"{STARTED} && page.live.memory.told.face > {before} + 1")
    gap = one.js("page.live.memory.silences.fused.find((s) => s.reason === 'not connected')")
    assert gap["end"] > gap["start"]
    assert one.js("new Set(page.live.memory.rows.face.map((row) => row.track)).size") == 2


@browsers
def test_nobody_in_view_is_said_and_leaves_the_lane_empty(page):
    one = page("nobody")
    start(one)
    one.until("document.querySelector('[data-code=no_face]')")
    assert one.js("page.live.memory.rows.face.length") == 0 and one.js("page.live.overlay.faces.size") == 0
    assert one.js("page.live.memory.why('face', 1, page.live.memory.silences.face[0].start + 2)") == "no face"


@browsers
def test_two_people_get_a_box_each_and_can_be_chosen(page):
    one = page("two")
    start(one)
    one.until("page.live.overlay.faces.size === 2 && document.getElementById('person')")
    first = one.js("document.getElementById('person').value")
    one.press("p")
    one.until(f"document.getElementById('person').value !== '{first}'")
    assert one.js("page.live.panels.who()") == one.js("document.getElementById('person').value")


@browsers
def test_a_camera_alone_is_enough_and_the_missing_sound_is_said(page):
    one = page()
    one.click("[name=microphone]")
    start(one)
    one.until("page.live.memory.told.face > 1")
    assert one.js("asked[0].audio") is False and one.js("page.live.connection.sound") == 0 and one.js("page.live.models.voice === undefined")
    assert one.js("page.live.memory.why('voice', 0.1, 0.5)") == "no microphone"


@browsers
def test_a_microphone_alone_is_enough_and_nothing_overlaps_or_is_cut(page):
    one = page()
    one.click("[name=camera]")
    start(one)
    one.until("page.live.memory.told.voice > 0")
    assert one.js("page.live.connection.pictures") == 0 and one.js("page.live.memory.why('face', 0.1, 0.5)") == "no camera"
    edges = one.js("[document.getElementById('stage').getBoundingClientRect().right, document.getElementById('lanes').getBoundingClientRect().left]")
    assert edges[0] <= edges[1]
    one.press("s")
    one.until(OVER)
    one.press("s")
    one.until("document.querySelector('form.idle')")
    assert not one.js("document.querySelector('[name=agreed]').checked")        # whoever is there now may be somebody else
    assert one.js("document.getElementById('stage').scrollHeight <= document.getElementById('stage').clientHeight + 1")


@browsers
def test_a_refused_camera_is_explained_and_can_be_tried_again(page):
    one = page(None, allowed=False)
    one.click("[name=agreed]")
    one.press("s")
    one.until("document.querySelector('#live').dataset.state === 'denied'")
    said = one.js("document.getElementById('state').innerText")
    assert "Allow it at the address bar" in said and "Try again" in said and one.js("lines.length") == 0


@browsers
def test_less_motion_and_the_chosen_colours_are_respected(page):
    one = page()
    one.media(motion="reduce", scheme="dark")
    try:
        one.until("document.documentElement.dataset.theme === 'dark'")
        start(one)
        one.until("page.live.memory.told.face > 1")
        before, began = one.js("page.live.drawn"), time.monotonic()
        time.sleep(2)
        one.until(f"page.live.drawn > {before}")
        assert one.js("page.live.drawn") - before < 15 * (time.monotonic() - began)      # 60 frames a second would be four times that
        one.press("t")                                         # auto, then light
        assert one.js("document.documentElement.dataset.theme") == "light"
        one.press("t")
        one.press("t")
    finally:
        one.media()


@browsers
def test_the_page_fits_a_phone(page):
    one = page()
    one.resize(390, 844, phone=True)
    try:
        assert one.js("document.documentElement.scrollWidth") <= 390
        start(one)
        one.until("page.live.memory.told.face > 1")
        one.press("d")
        assert one.js("document.documentElement.scrollWidth") <= 390
        assert one.js("Math.min(...[...document.querySelectorAll('#live canvas')].map((c) => c.clientWidth))") > 300
    finally:
        one.send("Emulation.clearDeviceMetricsOverride")


# ---- the conversation -----------------------------------------------------------------------------------------------------------

def talking(page, **more):
    """A page whose session has seen a face and heard a voice, with the conversation open."""
    one = page(**more)
    start(one)
    one.until("page.live.memory.told.face > 3 && page.live.memory.told.voice > 0", PATIENCE)
    one.press("c")
    one.until("document.activeElement === document.querySelector('.saying textarea')")
    return one


def tell(one, text):
    """Type and send, by the keyboard; wait for the answer."""
    turns = one.js("page.live.talk.turns.length")
    one.js("document.querySelector('.saying textarea').focus()")
    one.send("Input.insertText", text=text)
    one.press("Enter")
    one.until(f"page.live.talk.turns.length > {turns} && !page.live.talk.busy")


def last(one, selector=""):
    return one.js(f"document.querySelector('.exchange:last-child {selector}').innerText")


@browsers
def test_one_talks_with_the_agent_and_sees_what_was_measured_and_used(page):
    one = talking(page)
    one.until("document.querySelector('.talk .by').innerText.includes('reflective listener · no language model')")
    assert "Nothing has been said yet" in one.js("document.querySelector('.turns').innerText")
    tell(one, "I am so happy to see you!")
    assert last(one, ".theirs .name") == "Attune · reflective listener" and len(last(one, ".theirs .text")) > 20
    noticed = last(one, ".noticed")
    assert re.match(r"came across as \w+ \(face\), \w+ \(voice\), \w+ \(words\) What made you think so\?", noticed)
    assert one.js("document.querySelector('.talk [aria-live=polite]').textContent") == "Attune: " + last(one, ".theirs .text")
    assert one.js("document.querySelector('.behind').hidden")
    one.click(".noticed button")
    behind = last(one, ".behind")
    assert one.js("document.querySelector('.noticed button').ariaExpanded") == "true"
    assert re.search(r"The moment: 0:\d\d to 0:\d\d of this session", behind) and re.search(r"Face\s+\w+ \.\d\d \(most at 0:\d\d\)", behind)
    assert "What the answer was told" in behind and "It doesn't say what you feel" in behind
    sent = one.js("page.live.talk.turns[0].about.live")
    assert sent["session"] == one.js("page.live.id") and sent["end"] > sent["start"] and sent["reason"] is None
    one.press("s")                                             # typed, not pressed: the session goes on
    assert one.js("document.querySelector('.saying textarea').value") == "s" and one.js(STARTED)
    one.press("Escape")
    one.press("c")
    assert one.js("document.getElementById('talk').hidden && !document.getElementById('lanes').hidden")


@browsers
def test_a_second_turn_knows_the_first_and_takes_what_came_since(page):
    one = talking(page)
    tell(one, "My cat died yesterday.")
    tell(one, "What made you think I'm sad?")
    assert "That was your turn 1" in last(one, ".theirs .text") and "My cat died yesterday." in last(one, ".theirs .text")
    first, second = (one.js(f"page.live.talk.turns[{i}].about.live") for i in (0, 1))
    assert second["start"] <= first["end"] + 0.001 and second["end"] >= first["end"]


@browsers
def test_expression_can_be_switched_off_and_what_was_measured_goes(page):
    one = talking(page)
    tell(one, "I am so happy to see you!")
    one.click("[name=notice]")
    assert last(one, ".noticed") == "not noticed"
    tell(one, "And now I say something else.")
    assert last(one, ".noticed") == "not noticed" and one.js("page.live.talk.turns[1].about.noticed.length") == 0
    one.click("[name=notice]")
    tell(one, "Please stop analysing me.")
    assert not one.js("document.querySelector('[name=notice]').checked")


@browsers
def test_signs_of_danger_are_answered_by_the_fixed_text_set_off(page):
    from attune.agent import boundaries

    one = talking(page)
    tell(one, "I want to kill myself")
    assert one.js("document.querySelector('.help .text').textContent") == boundaries.policy("en")["help"]["self_harm"].strip()
    assert last(one, ".help .name") == "People who can help" and last(one, ".noticed") == "what was measured isn't used here"
    assert one.js("getComputedStyle(document.querySelector('.help')).borderLeftWidth") == "5px"


@browsers
def test_the_conversation_is_deleted_after_a_second_press_here_and_on_the_server(page):
    one = talking(page)
    tell(one, "My cat died yesterday.")
    one.click(".talk .danger")
    assert one.js("page.live.talk.turns.length") == 1 and "Really delete 1 turn?" in one.js("document.querySelector('.talk .danger').textContent")
    one.click(".talk .danger")
    assert one.js("page.live.talk.turns.length") == 0 and "Nothing has been said yet" in one.js("document.querySelector('.turns').innerText")
    tell(one, "What made you think I'm sad?")
    assert "cat" not in last(one, ".theirs .text")


@browsers
def test_a_missing_answer_says_why_and_the_same_turn_can_be_tried_again(page):
    one = talking(page)
    one.send("Network.setBlockedURLs", urls=["*/v1/chat/completions"])
    try:
        tell(one, "My cat died yesterday.")
    finally:
        one.send("Network.setBlockedURLs", urls=[])
    assert "No answer came" in last(one, ".failed") and "Is attune serve still running?" in last(one, ".failed")
    one.click(".failed button")
    one.until("!page.live.talk.busy && document.querySelector('.exchange .theirs .text').textContent.length > 20")
    assert one.js("page.live.talk.turns.length") == 1 and not one.js("Boolean(document.querySelector('.failed'))")
    one.errors.clear()                                         # what was blocked is an error to a browser


@browsers
def test_words_of_the_session_are_answered_where_that_is_switched_on(page):
    one = talking(page)
    spoken = "document.querySelector('.type input').value = {}, document.querySelector('form.type').requestSubmit()"
    one.js(spoken.format("'I am so happy about this'"))
    one.until("page.live.memory.told.text > 0")
    assert one.js("page.live.talk.turns.length") == 0
    one.click("[name=spoken]")
    one.js(spoken.format("'I am so happy about that'"))
    one.until("page.live.talk.turns.length === 1 && !page.live.talk.busy")
    assert one.js("page.live.talk.turns[0].text") == "I am so happy about that" and "came across as" in last(one, ".noticed")


@browsers
def test_after_the_end_it_can_be_read_until_the_next_start_and_is_kept_only_with_a_recording(page, serving):
    import httpx

    one = talking(page)
    tell(one, "My cat died yesterday.")
    one.press("Escape")
    one.press("s")
    one.until(OVER)
    assert "isn't kept" in one.js("document.querySelector('.talk > .empty').innerText") and "My cat died" in one.js("document.querySelector('.turns').innerText")
    assert one.js("document.querySelector('.saying').offsetParent === null")
    edges = one.js("[document.getElementById('stage').getBoundingClientRect().bottom, document.getElementById('talk').getBoundingClientRect().top]")
    assert edges[0] <= edges[1]
    one.press("s")
    one.until("document.querySelector('form.idle')")
    assert one.js("document.getElementById('right').hidden && page.live.talk.turns.length === 0")
    start(one, record=True)
    one.until("page.live.memory.told.face > 1")                # with the conversation open, as it was
    tell(one, "My cat died yesterday.")
    one.press("Escape")
    one.press("s")
    one.until(OVER)
    assert "kept among the recordings" in one.js("document.querySelector('.talk > .empty').innerText")
    assert "conversation" in {r["file"] for r in httpx.get(f"{serving}/v1/recordings", timeout=PATIENCE).json()}
    one.js("[...document.querySelectorAll('#state button')].find((b) => b.textContent === 'Delete it').click()")
    one.until("document.querySelector('form.idle')")
    one.press("r")                                             # what was chosen stays chosen for the next test too


@browsers
def test_the_conversation_fits_a_phone_and_its_input_stays_in_view(page):
    one = talking(page)
    one.resize(390, 844, phone=True)
    try:
        tell(one, "I want to kill myself")
        assert one.js("document.documentElement.scrollWidth") <= 390
        box = one.js("(({ top, bottom }) => [top, bottom])(document.querySelector('.saying').getBoundingClientRect())")
        assert 0 < box[0] < box[1] <= 845
    finally:
        one.send("Emulation.clearDeviceMetricsOverride")


# ---- what the modules do --------------------------------------------------------------------------------------------------------

@browsers
def test_sound_at_another_rate_becomes_16_khz_without_what_lies_above(page):
    one = page()
    found = one.js("""(async () => {
        const run = async (hz) => {
            const context = new OfflineAudioContext(1, 48000, 48000);
            await context.audioWorklet.addModule("/static/chunks.js");
            const tone = new OscillatorNode(context, { frequency: hz }), node = new AudioWorkletNode(context, "chunks"), chunks = [];
            node.port.onmessage = ({ data }) => chunks.push({ time: data.time, samples: [...new Int16Array(data.samples)] });
            tone.connect(node).connect(context.destination);
            tone.start();
            await context.startRendering();
            await new Promise((later) => setTimeout(later, 300));
            return chunks;
        };
        return { low: await run(440), high: await run(11000) };
    })()""")
    low = [c["samples"] for c in found["low"]]
    assert len(low) in (9, 10) and all(len(c) == 1600 for c in low)
    assert [c["time"] for c in found["low"]] == pytest.approx([i / 10 for i in range(len(low))], abs=1e-6)
    steady = [x / 32767 for c in low[1:9] for x in c]
    assert max(steady) == pytest.approx(1, abs=0.02)
    crossings = sum(a < 0 <= b for a, b in itertools.pairwise(steady))
    assert crossings == pytest.approx(440 * len(steady) / 16_000, abs=1.5)
    assert max(abs(x) for c in found["high"][1:9] for x in c["samples"]) < 32767 * 0.01      # it would be heard at 5 kHz


@browsers
def test_an_utterance_takes_the_place_of_its_interim_estimates_and_gaps_stay(page):
    one = page()
    runs = one.js("""import("/static/memory.js").then(({ Memory }) => {
        const memory = new Memory(), voice = (start, end, interim, v = 0.5) => memory.take({ type: "voice", start, end, interim, person: "a", values: { x: v } }, 10);
        voice(0, 1, true); voice(0, 2, true); voice(0.2, 2.4, false); voice(4, 5, false); voice(5.1, 6, false, null); voice(6, 7, true);
        const face = (time, faces) => memory.take({ type: "face", time, faces: faces.map(([track, person]) => ({ track, person, values: { x: 1 } })) }, 0);
        face(0, [[1, "person 1"]]); face(0.3, [[1, "Ada"]]); face(0.6, []); face(5, [[1, "Ada"], [2, "Ben"]]);
        memory.fps = 0.5; face(8.5, [[1, "Ada"]]); face(12, [[1, "Ada"]]);           // a slow machine's pictures lie two seconds apart and more
        return { voice: memory.runs("voice", "a", 0).map((run) => run.map((knot) => knot.t)), face: memory.runs("face", "Ada", 0).map((run) => run.length),
                 people: [...memory.people], why: memory.why("face", 1, 4), both: memory.why("face", 4, 9) };
    })""")
    assert runs["voice"] == [[10.2, 12.4], [14, 15], [16.5, 17]]
    assert runs["face"] == [2, 3] and runs["people"] == [["Ada", 5], ["Ben", 1]] and (runs["why"], runs["both"]) == ("no face", None)


# ---- files and recordings -------------------------------------------------------------------------------------------------------

def drop_sample(one):
    one.drop("hello.mp4", "video/mp4", SAMPLE.read_bytes())
    one.until("location.hash === '#files'")
    one.until("document.querySelector('.job[data-state=OPEN]')")
    one.until("document.querySelector('.job[data-state=COMPLETED] a')", PATIENCE)
    return one.js("document.querySelector('.job a').getAttribute('href')")


@browsers
def test_a_dropped_file_is_measured_listed_described_compared_and_deleted(page, serving):
    import httpx

    one = page()
    links = [drop_sample(one)]
    assert httpx.get(serving + links[0], timeout=PATIENCE).text.lower().startswith("<!doctype html>")
    one.click(".job button")                                   # hide
    one.choose("#file", SAMPLE)
    one.until("document.querySelector('.job[data-state=COMPLETED] a')", PATIENCE)
    links.append(one.js("document.querySelector('.job a').getAttribute('href')"))
    ids = [link.split("/")[3] for link in links]
    one.press("3")
    for recording in ids:
        one.until(f"document.querySelector('[data-id=\"{recording}\"]')")
        one.click(f"[data-id=\"{recording}\"] input[type=checkbox]")
    one.until("document.querySelectorAll('#beside canvas').length === 2 && document.querySelectorAll('#beside tbody tr').length === 3")
    cells = one.js("[...document.querySelectorAll('#beside tbody tr')].map((row) => [...row.querySelectorAll('.num')].map((c) => c.textContent))")
    assert all(a == b and c == "0" for a, b, c in cells) and any(re.fullmatch(r"−?\.\d\d", a) for a, _, _ in cells)       # the same file twice
    row = f"[data-id=\"{ids[0]}\"]"
    one.js(f"[...document.querySelectorAll('{row} button')].find((b) => b.textContent === 'In words').click()")
    one.until(f"document.querySelector('{row} .words').textContent.toLowerCase().includes('happy')")
    assert "eaf" in one.js(f"[...document.querySelectorAll('{row} select option')].map((o) => o.value)")
    one.js("globalThis.saved = []; HTMLAnchorElement.prototype.click = function () { saved.push(this.download); }")
    one.js(f"(() => {{ const s = document.querySelector('{row} select'); s.value = 'csv'; s.dispatchEvent(new Event('change')); }})()")
    one.until("saved.includes('hello.csv')")
    for _ in range(2):
        one.click(f"{row} .danger")
    one.until(f"!document.querySelector('{row}')")
    assert httpx.get(serving + links[0], timeout=PATIENCE).status_code == 404


@browsers
def test_a_file_that_cannot_be_measured_says_why(page):
    one = page()
    one.drop("nothing.mp4", "video/mp4", b"no film at all" * 100)
    one.until("document.querySelector('.job:not([data-state=OPEN]) .notes')", PATIENCE)
    assert "nothing.mp4" in one.js("document.querySelector('.job .notes').textContent") and one.js("document.querySelectorAll('.job a').length") == 0


# ---- a server with keys ---------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def own_server(folder, **environment):
    """A server of its own; its address."""
    import httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "attune.cli", "serve", "--data", str(folder), "--port", str(port), "--workers", "0"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}, cwd=folder)
    try:
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
        while True:
            try:
                httpx.get(f"{address}/health", timeout=30)
                break
            except httpx.HTTPError:
                assert process.poll() is None and time.monotonic() < until, "the server didn't start"
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(60)


@browsers
def test_a_language_model_is_named_its_reply_streams_and_when_it_is_down_that_is_said(browser, tmp_path):
    pytest.importorskip("jinja2", reason="needs Jinja: pip install 'attune[agent]'")
    from attune.evaluate.scripted import Scripted, content

    def rule(messages):
        return "EMOTION: sad\nI hear you. " + ("It came across in your face." if "face: They" in content(messages[-1]) else "I saw nothing.")

    with Scripted(rule, delay=0.02) as model, own_server(tmp_path, ATTUNE_LLM_URL=model.url, ATTUNE_LLM_MODEL="scripted") as address:
        one = browser("hello")
        one.errors.clear()
        one.go(address, FIRST)
        one.until("page && document.querySelector('form.idle')")
        start(one)
        one.until("page.live.memory.told.face > 3")
        one.press("c")
        one.until("document.querySelector('.talk .by').innerText.startsWith('scripted as')")
        assert {"attune", "warm"} <= set(one.js("[...document.querySelectorAll('.talk .by option')].map((o) => o.value)"))
        one.js("(() => { const s = document.querySelector('.talk .by select'); s.value = 'warm'; s.dispatchEvent(new Event('change')); })()")
        tell(one, "My cat died yesterday.")
        assert last(one, ".theirs .text") == "I hear you. It came across in your face." and last(one, ".theirs .name") == "Attune · scripted"
        assert "Wanda" in content(model.requests[-1]["messages"][0])
        model.rule = None                                      # it fails
        tell(one, "And now?")
        assert "No answer came" in last(one, ".failed") and "the rule failed" in last(one, ".failed") and "came across as" in last(one, ".noticed")
        model.rule = rule
        one.click(".failed button")
        one.until("!page.live.talk.busy && document.querySelector('.exchange:last-child .theirs .text')")
        assert last(one, ".theirs .text").startswith("I hear you.") and one.js("page.live.talk.turns.length") == 2
        sent = [content(m) for m in model.requests[-1]["messages"]]
        assert sent[1:3] == ["My cat died yesterday.", "I hear you. It came across in your face."] and sent[3].startswith("And now?")
        one.press("Escape")
        one.press("s")
        one.until(OVER)
        assert one.errors == []


@browsers
def test_a_server_with_keys_is_asked_with_the_key_that_the_reader_gives(browser, tmp_path):
    import httpx

    key = "correct horse battery"
    with own_server(tmp_path, ATTUNE_KEYS=key) as address:
        one = browser("hello")
        one.go(address, FIRST)
        one.until("!document.getElementById('key').hidden && document.activeElement.id === 'key-given'")
        give = "(() => {{ document.getElementById('key-given').value = {}; document.getElementById('key').requestSubmit(); }})()"
        one.js(give.format(json.dumps("wrong horse battery")))
        one.until("document.getElementById('key-wrong').textContent.includes('know')")
        one.js(give.format(json.dumps(key)))
        one.until("document.querySelector('form.idle')")
        one.errors.clear()                                     # 401s are errors to a browser
        one.js("page || import('/static/live.js').then((m) => { globalThis.page = m; })")
        start(one, record=True)
        one.until("page.live.memory.told.face > 1")
        assert one.js("sessionStorage.getItem('attune-key')") == key and one.js("localStorage.length") == 0
        one.press("s")
        one.until("document.getElementById('report-link')", PATIENCE)
        one.js("globalThis.tabs = []; window.open = () => { const tab = { close() {} }; tabs.push(tab); return tab; }")
        one.click("#report-link")
        one.until("tabs[0]?.location")
        link = one.js("tabs[0].location")
        assert "signature=" in link and httpx.get(address + link, timeout=PATIENCE).status_code == 200
        assert httpx.get(address + link.split("?")[0], timeout=PATIENCE).status_code == 401
        assert not [r for r in one.requests if key.split()[0] in r or "apikey" in r] and one.errors == []         # the key stands in no address
        one.press("1")
        one.press("s")
        one.until("document.querySelector('form.idle')")
        one.press("r")
