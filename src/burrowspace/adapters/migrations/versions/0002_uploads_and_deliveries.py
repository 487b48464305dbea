"""uploads and deliveries"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("transfer_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=256), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=True),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=True),
        sa.Column("policy", sa.String(length=32), nullable=False),
        sa.Column("keeps", sa.Boolean(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("transfer_id"),
    )
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uploads_complete"), ["complete"], unique=False)
        batch_op.create_index(batch_op.f("ix_uploads_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_uploads_user_id"), ["user_id"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.String(length=320), nullable=False),
        sa.Column("transfer_id", sa.String(length=32), nullable=False),
        sa.Column("receiver_id", sa.String(length=256), nullable=False),
        sa.Column("delivered_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id"),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_transfer_id"), ["transfer_id"], unique=False)

    # what rests already counts against its sender from now on
    op.execute(
        "INSERT INTO uploads (transfer_id, user_id, length, reserved, filename, policy, keeps, complete, created_at, "
        "expires_at) SELECT transfer_id, sender_id, stored, stored, filename, 'rest', TRUE, TRUE, completed_at, "
        "expires_at FROM transfers WHERE state = 'completed' AND stored > 0 AND completed_at IS NOT NULL"
    )


def downgrade() -> None:
    for name in ("deliveries", "uploads"):
        op.drop_table(name)
