"""What the interface says of itself holds: requests made from our OpenAPI page, right and wrong ones, get answers that are described there."""

import socket
import threading
import time
from pathlib import Path

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")

from hypothesis import HealthCheck, Phase, settings  # noqa: E402
from schemathesis.checks import not_a_server_error, response_schema_conformance, status_code_conformance  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestWarning")


def application(data, port=8000):
    from attune.server.app import create_app
    from attune.server.config import Config

    return create_app(Config(data, port=port, workers=0))


page = schemathesis.openapi.from_dict(application(Path("unused")).openapi()).exclude(path_regex="/events$")       # they stream until the job ends


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server that takes everything in and measures nothing."""
    import uvicorn

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(application(tmp_path_factory.mktemp("openapi"), port), port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@page.parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
def test_requests_made_from_the_page_get_answers_that_it_describes(case, address):
    case.call_and_validate(base_url=address, checks=[not_a_server_error, status_code_conformance, response_schema_conformance], timeout=240)


def test_the_page_says_that_action_units_are_told_by_presence_not_by_intensity():
    said = page.raw_schema["paths"]["/v0/batch/jobs/{job_id}/predictions"]["get"]["description"]
    assert "how likely a unit is there, 0 to 1: presence, not the intensity of FACS" in said and "unreached" in said
