"""Jobs, parts, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("owner", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("again", sa.String(128), nullable=True),
        sa.Column("consent", sa.String(500), nullable=False),
        sa.Column("purpose", sa.String(500), nullable=False),
        sa.Column("keep_media", sa.Boolean, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=True),
        sa.Column("ended", sa.BigInteger, nullable=True),
        sa.Column("expires", sa.BigInteger, nullable=True),
        sa.Column("lease", sa.String(36), nullable=True),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("worker", sa.String(64), nullable=True),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("done", sa.Float, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("callback", sa.Text, nullable=False),
        sa.Column("callback_state", sa.String(8), nullable=False),
        sa.Column("callback_tries", sa.Integer, nullable=False),
        sa.Column("callback_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("owner", "again", name="jobs_again"),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "lease_until", "created"])
    op.create_index("jobs_by_owner", "jobs", ["owner", "created"])
    op.create_index("jobs_by_expiry", "jobs", ["expires"])
    op.create_table(
        "parts",
        sa.Column("job", sa.String(36), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("predictions", sa.Integer, nullable=False),
        sa.Column("errors", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("job", sa.String(36), nullable=False),
        sa.Column("owner", sa.String(16), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("audit_by_job", "audit", ["job"])


def downgrade() -> None:
    for table in ("audit", "parts", "jobs"):
        op.drop_table(table)
