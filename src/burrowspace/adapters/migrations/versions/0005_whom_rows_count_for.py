"""whom rows count for"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, column in _ADDRESSES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column(column, sa.String(length=64), nullable=True))
            batch_op.create_index(batch_op.f(f"ix_{table}_{column}"), [column], unique=False)
    # whoever is there already is not taken for a peer that never came
    op.add_column("peers", sa.Column("used", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("peers", schema=None) as batch_op:
        batch_op.drop_column("used")
    for table, column in _ADDRESSES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_index(batch_op.f(f"ix_{table}_{column}"))
            batch_op.drop_column(column)


_ADDRESSES = (
    ("peers", "address"),
    ("requests", "address"),
    ("uploads", "address"),
    ("relays", "opener_address"),
    ("relays", "target_address"),
)
