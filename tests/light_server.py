"""The whole server, with workers that measure nothing: `python light_server.py DATA PORT WORKERS [DATABASE]`."""

import sys
from pathlib import Path

import uvicorn

from attune.server.app import create_app
from attune.server.config import Config

if __name__ == "__main__":
    data, port, workers, *database = sys.argv[1:]
    config = Config(Path(data), port=int(port), workers=int(workers), lease=5.0, database=database[0] if database else "")
    uvicorn.run(create_app(config, worker="light_worker"), port=int(port), log_level="warning")
