"""The queue: a job is accepted in one transaction, leased to one worker at a time, and finished once.

A worker holds a job by a lease that it renews; its writes carry the lease's number, so that a worker that was thought dead and a second one
can't both finish the same part. Whoever doesn't renew in time, or is known to be dead, loses the job, which starts again at its first unfinished
part. SQLite writes ahead (WAL) and syncs each commit; PostgreSQL is used where its address is given. The same statements run on both.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, create_engine, delete, event, func, insert, or_, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError

from attune.errors import AttuneError, MissingExtra
from attune.server.config import Limits
from attune.server.jobs.migrations import upgrade
from attune.server.jobs.tables import CANCELLED, COMPLETED, ENDED, FAILED, IN_PROGRESS, OPEN, QUEUED, audit, jobs, parts

BUSY = 30.0                              # s that SQLite waits for another writer
ONE_AT_A_TIME = 7_201_602                # number of the lock under which PostgreSQL accepts jobs, so that limits are counted right
PAGE = 200                               # jobs listed at most

Row = RowMapping


class Full(AttuneError):
    """No more jobs are taken for now; `whose` says of whom there are too many."""

    def __init__(self, message: str, whose: str) -> None:
        super().__init__(message)
        self.whose = whose


class Lost(AttuneError):
    """The lease isn't held any more: somebody else has the job, or it is gone."""


@dataclass(frozen=True)
class New:
    """A job to be accepted. `sources`: one {type: ..., ...} a part."""

    kind: str
    owner: str
    request: Mapping[str, Any]
    sources: Sequence[Mapping[str, Any]]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    again: str | None = None
    callback: str = ""
    consent: str = ""
    purpose: str = ""
    keep_media: bool = False


@dataclass(frozen=True)
class Lease:
    """A job in a worker's hands."""

    job: dict[str, Any]
    token: str

    @property
    def id(self) -> str:
        return str(self.job["id"])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Queue:
    """The jobs in one database; every method is one transaction."""

    def __init__(self, url: str, *, clock: Callable[[], int] = now_ms) -> None:
        self.engine, self.clock = _engine(url), clock
        upgrade(self.engine)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(reading=True) as connection:
            yield connection

    # ---- accept ------------------------------------------------------------------------------------------------------------

    def submit(self, new: New, limits: Limits | None = None) -> str:
        """Accept a job, and return its number; with the same `again` of the same owner, the number of the job that there is.

        Raises
        ------
        Full
            If too many jobs wait already.
        """
        limits, now = limits or Limits(), self.clock()
        with self._writing() as db:
            if self.engine.dialect.name == "postgresql":
                db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": ONE_AT_A_TIME})
            if new.again is not None:
                there = db.scalar(select(jobs.c.id).where(jobs.c.owner == new.owner, jobs.c.again == new.again))
                if there is not None:
                    return str(there)
            waiting = db.scalar(select(func.count()).select_from(jobs).where(jobs.c.state.in_(OPEN))) or 0
            if waiting >= limits.queued:
                raise Full(f"{waiting} jobs wait already, as many as this server takes; try again later", "everybody")
            own = db.scalar(select(func.count()).select_from(jobs).where(jobs.c.state.in_(OPEN), jobs.c.owner == new.owner)) or 0
            if own >= limits.queued_per_key:
                raise Full(f"{own} of your jobs wait already, as many as one key may have; wait for some to end", "owner")
            db.execute(insert(jobs).values(
                id=new.id, owner=new.owner, kind=new.kind, state=QUEUED, request=json.dumps(new.request), again=new.again, consent=new.consent,
                purpose=new.purpose, keep_media=new.keep_media, created=now, lease_until=0, cancel=False, step="", done=0.0, message="",
                callback=new.callback, callback_state="", callback_tries=0, callback_at=0))
            for n, source in enumerate(new.sources):
                db.execute(insert(parts).values(job=new.id, n=n, source=json.dumps(source), state=QUEUED, attempts=0, predictions=0, errors=0, message=""))
            self._note(db, new.id, new.owner, "accepted", kind=new.kind, parts=len(new.sources), consent=new.consent, purpose=new.purpose)
        return new.id

    def record(self, new: New, *, started: int, retention: float, predictions: int = 0, state: str = COMPLETED, message: str = "") -> None:
        """Write down what was measured while it came, and is over: from now on it is like a job that ended. started: ms."""
        now = self.clock()
        with self._writing() as db:
            db.execute(insert(jobs).values(
                id=new.id, owner=new.owner, kind=new.kind, state=state, request=json.dumps(new.request), again=None, consent=new.consent,
                purpose=new.purpose, keep_media=False, created=started, started=started, ended=now, expires=now + round(retention * 1000), lease_until=0,
                cancel=False, step="", done=1.0, message=message, callback="", callback_state="", callback_tries=0, callback_at=0))
            for n, source in enumerate(new.sources):
                db.execute(insert(parts).values(job=new.id, n=n, source=json.dumps(source), state=state, attempts=1, predictions=predictions, errors=0,
                                                message=message))
            self._note(db, new.id, new.owner, "recorded", kind=new.kind, consent=new.consent, purpose=new.purpose)

    # ---- work --------------------------------------------------------------------------------------------------------------

    def lease(self, worker: str, seconds: float) -> Lease | None:
        """The oldest job that nobody holds, now held by this worker; None if there is none."""
        now, token = self.clock(), str(uuid.uuid4())
        free = or_(jobs.c.state == QUEUED, (jobs.c.state == IN_PROGRESS) & (jobs.c.lease_until < now))
        with self._writing() as db:
            found = db.execute(select(jobs).where(free).order_by(jobs.c.created, jobs.c.id).limit(1).with_for_update(skip_locked=True)).mappings().first()
            if found is None:
                return None
            if found["cancel"]:
                self._end(db, found, CANCELLED, "cancelled before it was measured")
                return None
            held = {"state": IN_PROGRESS, "started": found["started"] or now, "lease": token, "lease_until": now + round(seconds * 1000), "worker": worker}
            db.execute(update(jobs).where(jobs.c.id == found["id"]).values(**held))
        return Lease({**found, **held}, token)

    def renew(self, lease: Lease, seconds: float, *, step: str = "", done: float = 0.0) -> bool:
        """Keep a job for longer; returns whether it was asked to stop. `Lost` if it isn't held any more."""
        with self._writing() as db:
            self._held(db, lease, lease_until=self.clock() + round(seconds * 1000), step=step[:64], done=done)
            return bool(db.scalar(select(jobs.c.cancel).where(jobs.c.id == lease.id)))

    def begin(self, lease: Lease, n: int) -> int:
        """Say that a part is begun; returns how often it was begun before without an end."""
        with self._writing() as db:
            self._held(db, lease)
            before = db.scalar(select(parts.c.attempts).where(parts.c.job == lease.id, parts.c.n == n)) or 0
            db.execute(update(parts).where(parts.c.job == lease.id, parts.c.n == n).values(state=IN_PROGRESS, attempts=before + 1))
        return int(before)

    def end_part(self, lease: Lease, n: int, *, predictions: int = 0, errors: int = 0, message: str = "") -> None:
        """Say that a part is done, for good."""
        with self._writing() as db:
            self._held(db, lease)
            changed = db.execute(update(parts).where(parts.c.job == lease.id, parts.c.n == n, parts.c.state.not_in(ENDED)).values(
                state=FAILED if message else COMPLETED, predictions=predictions, errors=errors + bool(message), message=message))
            if changed.rowcount:
                self._note(db, lease.id, lease.job["owner"], "measured", part=n, predictions=predictions, errors=errors + bool(message))

    def end(self, lease: Lease, state: str = COMPLETED, message: str = "", *, retention: float = 0.0) -> None:
        """Say that a job is done, for good, and that its results are kept for `retention` seconds."""
        with self._writing() as db:
            self._held(db, lease)
            self._end(db, lease.job, state, message, retention=retention)

    def give_back(self, lease: Lease) -> None:
        """Lay a job down unfinished, in order: another worker goes on, and the part that was begun isn't held against it."""
        with self._writing() as db:
            self._held(db, lease, state=QUEUED, lease=None, lease_until=0, worker=None)
            begun = parts.c.job == lease.id, parts.c.state == IN_PROGRESS
            db.execute(update(parts).where(*begun).values(state=QUEUED, attempts=parts.c.attempts - 1))

    def workers(self) -> list[str]:
        """Who holds jobs."""
        with self._reading() as db:
            return [str(w) for w in db.scalars(select(jobs.c.worker).where(jobs.c.state == IN_PROGRESS, jobs.c.lease_until > 0).distinct()) if w]

    def take_from(self, worker: str) -> int:
        """Take its jobs from a worker that is known to be dead; returns how many."""
        with self._writing() as db:
            return int(db.execute(update(jobs).where(jobs.c.worker == worker, jobs.c.state == IN_PROGRESS).values(lease=None, lease_until=0)).rowcount)

    def unfinished(self, job: str) -> list[Row]:
        """The parts of a job that are still to be measured, in order."""
        with self._reading() as db:
            wanted = select(parts).where(parts.c.job == job, parts.c.state.not_in(ENDED)).order_by(parts.c.n)
            return list(db.execute(wanted).mappings())

    def _held(self, db: Connection, lease: Lease, /, **values: Any) -> None:
        """Check that the lease holds, in the transaction that depends on it, and change something of the job."""
        mine = update(jobs).where(jobs.c.id == lease.id, jobs.c.lease == lease.token, jobs.c.state == IN_PROGRESS)
        if not db.execute(mine.values(**values or {"lease": lease.token})).rowcount:
            raise Lost(f"job {lease.id} is held by another worker, or gone")

    def _end(self, db: Connection, job: Row | dict[str, Any], state: str, message: str, retention: float = 0.0) -> None:
        now = self.clock()
        db.execute(update(jobs).where(jobs.c.id == job["id"]).values(
            state=state, message=message, started=job["started"] or now, ended=now, expires=now + round(retention * 1000), lease=None, lease_until=0,
            step="", done=1.0, callback_state="due" if job["callback"] else ""))
        if state != COMPLETED:
            db.execute(update(parts).where(parts.c.job == job["id"], parts.c.state.not_in(ENDED)).values(state=state))
        self._note(db, job["id"], job["owner"], state.lower(), message=message)

    # ---- ask ---------------------------------------------------------------------------------------------------------------

    def cancel(self, job: str, owner: str, *, retention: float = 0.0) -> bool:
        """Ask a job to stop; one that nobody works at stops at once. False if it has ended already, or isn't there."""
        with self._writing() as db:
            found = db.execute(select(jobs).where(jobs.c.id == job, jobs.c.owner == owner).with_for_update()).mappings().first()
            if found is None or found["state"] in ENDED:
                return False
            db.execute(update(jobs).where(jobs.c.id == job).values(cancel=True))
            if found["state"] == QUEUED:
                self._end(db, found, CANCELLED, "cancelled before it was measured", retention=retention)
            return True

    def get(self, job: str, owner: str | None = None) -> tuple[Row, list[Row]] | None:
        """A job and its parts; None if there is none, or it is somebody else's."""
        with self._reading() as db:
            mine = () if owner is None else (jobs.c.owner == owner,)
            found = db.execute(select(jobs).where(jobs.c.id == job, *mine)).mappings().first()
            if found is None:
                return None
            return found, list(db.execute(select(parts).where(parts.c.job == job).order_by(parts.c.n)).mappings())

    def listed(
        self, owner: str, *, limit: int = 50, states: Sequence[str] = (), kind: str | None = None, before: int | None = None, after: int | None = None,
        by: str = "created", ascending: bool = False,
    ) -> list[tuple[Row, list[Row]]]:
        """Jobs of one owner with their parts. `before` and `after`: created before or after that time (ms); `by`: created, started or ended."""
        column = {"created": jobs.c.created, "started": jobs.c.started, "ended": jobs.c.ended}[by]
        wanted = select(jobs).where(jobs.c.owner == owner)
        wanted = wanted.where(jobs.c.state.in_(states)) if states else wanted
        wanted = wanted.where(jobs.c.kind == kind) if kind is not None else wanted
        wanted = wanted.where(jobs.c.created < before) if before is not None else wanted
        wanted = wanted.where(jobs.c.created >= after) if after is not None else wanted
        order = (func.coalesce(column, 0).asc(), jobs.c.id.asc()) if ascending else (func.coalesce(column, 0).desc(), jobs.c.id.desc())
        with self._reading() as db:
            found = list(db.execute(wanted.order_by(*order).limit(min(limit, PAGE))).mappings())
            theirs: dict[str, list[Row]] = {job["id"]: [] for job in found}
            for row in db.execute(select(parts).where(parts.c.job.in_(list(theirs))).order_by(parts.c.n)).mappings():
                theirs[row["job"]].append(row)
        return [(job, theirs[job["id"]]) for job in found]

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state."""
        with self._reading() as db:
            return {str(state): int(n) for state, n in db.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))}

    def history(self, job: str) -> list[Row]:
        """What happened to a job, in order."""
        with self._reading() as db:
            return list(db.execute(select(audit).where(audit.c.job == job).order_by(audit.c.n)).mappings())

    # ---- afterwards --------------------------------------------------------------------------------------------------------

    def next_callback(self, seconds: float) -> Row | None:
        """An ended job whose callback is due, put off by `seconds` in case this attempt is never heard of again."""
        now = self.clock()
        with self._writing() as db:
            due = select(jobs).where(jobs.c.callback_state == "due", jobs.c.callback_at <= now).order_by(jobs.c.callback_at).limit(1)
            found = db.execute(due.with_for_update(skip_locked=True)).mappings().first()
            if found is not None:
                later = {"callback_at": now + round(seconds * 1000), "callback_tries": found["callback_tries"] + 1}
                db.execute(update(jobs).where(jobs.c.id == found["id"]).values(**later))
            return found

    def call_later(self, job: str, seconds: float) -> None:
        with self._writing() as db:
            db.execute(update(jobs).where(jobs.c.id == job).values(callback_at=self.clock() + round(seconds * 1000)))

    def called_back(self, job: str, state: str) -> None:
        with self._writing() as db:
            db.execute(update(jobs).where(jobs.c.id == job).values(callback_state=state))

    def expired(self, limit: int = 100) -> list[str]:
        """Ended jobs whose time is over."""
        with self._reading() as db:
            return [str(i) for i in db.scalars(select(jobs.c.id).where(jobs.c.expires < self.clock(), jobs.c.state.in_(ENDED)).limit(limit))]

    def forget(self, job: str, owner: str | None = None) -> bool:
        """Delete an ended job's rows; what remains is its audit."""
        with self._writing() as db:
            mine = () if owner is None else (jobs.c.owner == owner,)
            found = db.execute(select(jobs).where(jobs.c.id == job, jobs.c.state.in_(ENDED), *mine)).mappings().first()
            if found is None:
                return False
            db.execute(delete(parts).where(parts.c.job == job))
            db.execute(delete(jobs).where(jobs.c.id == job))
            self._note(db, job, found["owner"], "forgotten")
            return True

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these jobs there are."""
        with self._reading() as db:
            return {str(i) for i in db.scalars(select(jobs.c.id).where(jobs.c.id.in_(list(ids))))}

    def note(self, job: str, owner: str, what: str, **detail: Any) -> None:
        """A line of the audit of something that isn't a job."""
        with self._writing() as db:
            self._note(db, job, owner, what, **detail)

    def _note(self, db: Connection, job: str, owner: str, what: str, **detail: Any) -> None:
        kept = {k: v for k, v in detail.items() if v not in ("", None)}
        db.execute(insert(audit).values(time=self.clock(), job=job, owner=owner, event=what, detail=json.dumps(kept)))


def _engine(url: str) -> Engine:
    where = make_url(url)
    if where.get_backend_name() == "postgresql":
        if where.drivername == "postgresql":
            where = where.set(drivername="postgresql+psycopg")
        try:
            return create_engine(where, pool_pre_ping=True, pool_size=5, max_overflow=5)
        except ModuleNotFoundError as error:
            raise MissingExtra("a PostgreSQL address needs psycopg: pip install 'attune[postgres]'") from error
    if where.get_backend_name() != "sqlite":
        raise AttuneError(f"database {where.render_as_string()!r}; expected sqlite:///FILE or postgresql://USER@HOST/NAME")
    if where.database:
        Path(where.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(where, connect_args={"timeout": BUSY, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None                    # transactions begin where we say, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={round(BUSY * 1000)}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")      # who reads first and writes then can't be refused half way

    return engine


__all__ = ["Full", "IntegrityError", "Lease", "Lost", "New", "OperationalError", "Queue", "now_ms"]
