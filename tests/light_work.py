"""Work that measures nothing, for engines: it sleeps, fails, grows, or is killed, as its item says, and writes a line when it begins and when it ends."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def work(item, tell):
    """item: a dict; `ledger` is a file, `n` the item's number."""
    begun = note(item, "begun")
    if item.get("seconds"):
        tell("light", 0, item["seconds"])
        time.sleep(item["seconds"])
    if item.get("die", 0) >= begun:
        os.kill(os.getpid(), signal.SIGKILL)
    if item.get("unreachable", 0) >= begun:
        raise ConnectionResetError("the store closed the connection")
    if item.get("bad"):
        raise ValueError("bad media")
    grown = bytearray(item["bytes"]) if item.get("bytes") else b""
    if grown:
        grown[:: 4096] = b"x" * len(grown[:: 4096])
        time.sleep(5)
    note(item, "done")
    return item["n"] * 10


def told(name, tell):
    """What the environment says under a name."""
    return os.environ.get(name)


def note(item, what):
    """Write a line; how many of its kind there are of the item."""
    if not item.get("ledger"):
        return 1
    with Path(item["ledger"]).open("a") as ledger:
        ledger.write(f"{item['n']} {what} {os.getpid()}\n")
    return len([line for line in noted(item["ledger"]) if line[:2] == (str(item["n"]), what)])


def noted(ledger):
    """(number, what, process) of each line."""
    return [tuple(line.split()) for line in Path(ledger).read_text().splitlines()] if Path(ledger).exists() else []


def alive(ledger):
    """Processes that wrote a line and go on."""
    found = set()
    for _, _, pid in noted(ledger):
        with suppress(OSError):              # it is gone, maybe just now
            found |= {pid} if Path(f"/proc/{pid}/cmdline").read_bytes() else set()
    return found
