"""What the database holds: jobs, their parts, and a line for each thing that happened to a job.

Times are whole milliseconds since 1970. The tables are made and changed by `migrations/`; a test holds the two against each other.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

QUEUED, IN_PROGRESS, COMPLETED, FAILED, CANCELLED = "QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"
OPEN = (QUEUED, IN_PROGRESS)
ENDED = (COMPLETED, FAILED, CANCELLED)

metadata = MetaData()

jobs = Table(
    "jobs", metadata,
    Column("id", String(36), primary_key=True),
    Column("owner", String(16), nullable=False),
    Column("kind", String(16), nullable=False),              # whose words the request is in: hume_v0, attune
    Column("state", String(16), nullable=False),
    Column("request", Text, nullable=False),                 # JSON, as given
    Column("again", String(128), nullable=True),             # a name the client gave, under which sending twice makes one job
    Column("consent", String(500), nullable=False),          # how the recorded people agreed
    Column("purpose", String(500), nullable=False),          # what the recording is measured for
    Column("keep_media", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=True),
    Column("ended", BigInteger, nullable=True),
    Column("expires", BigInteger, nullable=True),            # when its files and rows are deleted
    Column("lease", String(36), nullable=True),              # who holds it may write, nobody else
    Column("lease_until", BigInteger, nullable=False),
    Column("worker", String(64), nullable=True),
    Column("cancel", Boolean, nullable=False),               # asked to stop
    Column("step", String(64), nullable=False),              # what the worker does now
    Column("done", Float, nullable=False),                   # 0..1
    Column("message", Text, nullable=False),
    Column("callback", Text, nullable=False),                # address, or empty
    Column("callback_state", String(8), nullable=False),     # "", due, sent, failed
    Column("callback_tries", Integer, nullable=False),
    Column("callback_at", BigInteger, nullable=False),
    UniqueConstraint("owner", "again", name="jobs_again"),
    Index("jobs_by_state", "state", "lease_until", "created"),
    Index("jobs_by_owner", "owner", "created"),
    Index("jobs_by_expiry", "expires"),
)

parts = Table(
    "parts", metadata,
    Column("job", String(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("source", Text, nullable=False),                  # JSON: {type: url | file | text, ...}
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),             # how often a process began it without ending it
    Column("predictions", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("message", Text, nullable=False),
)

audit = Table(
    "audit", metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("time", BigInteger, nullable=False),
    Column("job", String(36), nullable=False),               # outlives the job
    Column("owner", String(16), nullable=False),
    Column("event", String(16), nullable=False),             # accepted, measured (a part), completed, failed, cancelled, forgotten
    Column("detail", Text, nullable=False),
    Index("audit_by_job", "job"),
)
