"""Clients of language models: one contract for every file of the folder, and OpenAI's protocol over real HTTP."""

import pytest

from attune import llms, registry
from attune.errors import SettingError, UnknownName
from attune.llms import LLMError

ASKED = [{"role": "user", "content": "Hello?"}]


@pytest.mark.parametrize("name", llms.names())
def test_every_client_streams_the_servers_answer(scripted, name):
    server = scripted(lambda messages: f"You said {messages[-1]['content']} Ä, ß.")
    one = llms.client(server.url, "scripted", kind=name)
    pieces = list(one.stream(ASKED))
    assert "".join(pieces) == "You said Hello? Ä, ß." and len(pieces) > 1 and one.name == "scripted"
    assert registry.load(llms.FOLDER, name).TITLE


@pytest.mark.parametrize("ending", ["", "/chat/completions", "/"])
def test_an_address_may_be_given_in_any_usual_form(scripted, ending):
    server = scripted(lambda _: "Yes.")
    assert llms.complete(llms.client(server.url + ending, "m"), ASKED) == "Yes."
    assert llms.complete(llms.client(server.url.removesuffix("/v1"), "m"), ASKED) == "Yes."


def test_without_a_name_the_first_model_is_taken(scripted):
    server = scripted(lambda _: "Yes.")
    assert llms.complete(llms.client(server.url), ASKED) == "Yes." and server.requests[0]["model"] == "scripted"


def test_options_and_key_are_sent_and_no_key_of_openai_goes_elsewhere(scripted, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    server = scripted(lambda _: "Yes.")
    llms.complete(llms.client(server.url, "m"), ASKED, temperature=0.2)
    llms.complete(llms.client(server.url, "m", key="mine"), ASKED)
    assert [r["authorization"] for r in server.requests] == ["", "Bearer mine"] and server.requests[0]["temperature"] == 0.2
    assert llms.client("https://api.openai.com/v1", "m")._headers() == {"Authorization": "Bearer secret"}


@pytest.mark.parametrize(("status", "body", "says"), [
    (401, b'{"error": {"message": "no key"}}', r"refused \(401\): no key; give a key"), (404, b'{"error": "no such model"}', r"refused \(404\): no such model; has it a model 'm'"),
    (500, b"<html>", r"refused \(500\): <html>"), (200, b"<html>", "sent '<html>'; expected JSON"), (200, b"[1]", "expected an object with choices"),
    (200, b'{"choices": []}', "expected choices with a message"), (200, b'{"error": {"message": "out of memory"}}', "completions: out of memory"),
])
def test_what_is_no_answer_is_told_with_the_servers_words(scripted, status, body, says):
    server = scripted(lambda _: "")
    handler = server._server.RequestHandlerClass
    handler._json = lambda self, *_: (self.send_response(status), self.send_header("Content-Length", str(len(body))), self.end_headers(), self.wfile.write(body))
    handler.do_POST = lambda self: (self.rfile.read(int(self.headers["Content-Length"])), self._json())
    with pytest.raises(LLMError, match=says):
        llms.complete(llms.client(server.url, "m"), ASKED)


def test_a_server_that_does_not_stream_is_understood(scripted):
    server = scripted(lambda _: "Yes, whole.")
    handler = server._server.RequestHandlerClass
    post = handler.do_POST

    def unstreamed(self):
        read = self.rfile.read
        self.rfile.read = lambda n: read(n).replace(b'"stream":true', b'"stream":false').replace(b'"stream": true', b'"stream": false')
        post(self)

    handler.do_POST = unstreamed
    assert llms.complete(llms.client(server.url, "m"), ASKED) == "Yes, whole."


@pytest.mark.parametrize("url", ["", "localhost:11434", "ftp://x/v1", "http://"])
def test_what_is_no_address_is_an_error(url):
    with pytest.raises(SettingError, match="is no address of a language model"):
        llms.client(url, "m")


def test_an_unknown_client_is_an_error():
    with pytest.raises(UnknownName, match="did you mean 'openai'"):
        llms.client("http://localhost", kind="openia")
