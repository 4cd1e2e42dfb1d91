"""What the agent's tests share: a server that speaks OpenAI's chat completions, over real HTTP, and answers by a rule."""

import pytest

from attune.evaluate.scripted import Scripted


@pytest.fixture
def scripted():
    """scripted(rule, delay=) -> a running server; without a rule the obedient one."""
    for extra in ("httpx", "jinja2"):
        pytest.importorskip(extra, reason="asking a language model needs the extra: pip install 'attune[agent]'")
    running = []

    def start(*rule, **options):
        server = Scripted(*rule, **options).__enter__()
        running.append(server)
        return server

    yield start
    for server in running:
        server.__exit__()
