"""What the server's tests share: a queue on SQLite, and on PostgreSQL where ATTUNE_TEST_POSTGRES gives a cluster's address."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the server's tests need the extra: pip install 'attune[serve]'")

POSTGRES = os.environ.get("ATTUNE_TEST_POSTGRES", "")        # such as postgresql://postgres@127.0.0.1:5433/postgres
ONLY_SQLITE = "no PostgreSQL: set ATTUNE_TEST_POSTGRES to a cluster's address, such as postgresql://postgres@127.0.0.1:5433/postgres"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.skipif(not POSTGRES, reason=ONLY_SQLITE))])
def database(request, tmp_path):
    """An empty database's address."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'queue.db'}"
        return
    import psycopg
    from sqlalchemy.engine import make_url

    name = f"attune_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True) as cluster:
        cluster.execute(f"CREATE DATABASE {name}")
    yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(POSTGRES, autocommit=True) as cluster:
        cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


# ---- a real server, with workers that measure -----------------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "samples" / "hello.mp4"
PATIENCE = 240.0                         # s; the machine may be busy


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The real server's data folder."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def serving(data):
    """`attune serve` as a process of its own; its address."""
    import httpx

    port = free_port()
    command = [sys.executable, "-m", "attune.cli", "serve", "--data", str(data), "--port", str(port), "--allow-private", "--limit", "text_chars=5000"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, cwd=data)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    while True:
        try:
            if httpx.get(f"{address}/health", timeout=30).status_code == 200:
                break
        except httpx.HTTPError:
            pass
        assert process.poll() is None and time.monotonic() < until, "the server didn't start"
        time.sleep(0.2)
    yield address
    process.terminate()
    assert process.wait(60) in (0, -15)


@pytest.fixture(scope="session")
def hume_client(serving):
    """The official client, with nothing changed but the address."""
    pytest.importorskip("hume")
    import httpx
    from hume import HumeClient
    from hume.environment import HumeClientEnvironment

    stream = f"{serving.replace('http', 'ws')}/v0/stream"
    with httpx.Client(timeout=PATIENCE, follow_redirects=True) as connection:
        yield HumeClient(api_key="any", environment=HumeClientEnvironment(base=serving, evi="", tts="", stream=stream), httpx_client=connection)


@pytest.fixture(scope="session")
def batch(hume_client):
    return hume_client.expression_measurement.batch


@pytest.fixture(scope="session")
def ended(batch):
    """ended(job) waits, and gives the job's details."""
    def wait(job):
        until = time.monotonic() + PATIENCE
        while (details := batch.get_job_details(job)).state.status not in ("COMPLETED", "FAILED"):
            assert time.monotonic() < until, "the job never ended"
            time.sleep(0.2)
        return details

    return wait


# ---- an application in this process, with no workers ----------------------------------------------------------------------------

@pytest.fixture
def local(tmp_path):
    """local(**config) -> a client of an application whose jobs nobody measures."""
    from starlette.testclient import TestClient

    from attune.server.app import create_app
    from attune.server.config import Config

    open_ones = []

    def start(**config):
        client = TestClient(create_app(Config(tmp_path / f"data{len(open_ones)}", workers=0, **config)), base_url="http://127.0.0.1:8000",
                            raise_server_exceptions=False)
        open_ones.append(client)
        return client.__enter__()

    yield start
    for client in open_ones:
        client.__exit__(None, None, None)
