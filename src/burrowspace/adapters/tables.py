"""The tables behind the records: one column per field, in the record's order."""

import sqlalchemy as sa

from burrowspace.core.records import (
    Claim,
    Delivery,
    Mailbox,
    Message,
    Meta,
    Nameplate,
    Notice,
    Peer,
    Record,
    Relay,
    Request,
    Sealed,
    Transfer,
    Upload,
)
from burrowspace.core.spooling import Policy
from burrowspace.core.transfer import Mode, RequestState, TransferState

metadata = sa.MetaData()


def _words(kind: type[RequestState | TransferState | Mode | Policy]) -> sa.Enum:
    """The enum's values as plain text, so that a new word needs no change of the schema."""
    return sa.Enum(
        kind, native_enum=False, create_constraint=False, length=32, values_callable=lambda e: [w.value for w in e]
    )


TABLES: dict[type[Record], sa.Table] = {
    Peer: sa.Table(
        "peers",
        metadata,
        sa.Column("peer_id", sa.String(32), primary_key=True),
        sa.Column("user_id", sa.String(256), nullable=False, index=True),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("token_used", sa.Boolean, nullable=False),
        sa.Column("connected_at", sa.Float, nullable=False),
        sa.Column("last_seen", sa.Float, nullable=False, index=True),
        sa.Column("gone", sa.Boolean, nullable=False, index=True),
        sa.Column("seen", sa.Integer, nullable=False),
    ),
    Request: sa.Table(
        "requests",
        metadata,
        sa.Column("request_id", sa.String(32), primary_key=True),
        sa.Column("sender_id", sa.String(256), nullable=False, index=True),
        sa.Column("receiver_id", sa.String(256), nullable=False, index=True),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("state", _words(RequestState), nullable=False),
        sa.Column("transfer_id", sa.String(32)),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False, index=True),
    ),
    Transfer: sa.Table(
        "transfers",
        metadata,
        sa.Column("transfer_id", sa.String(32), primary_key=True),
        sa.Column("request_id", sa.String(32), nullable=False, unique=True),
        sa.Column("sender_id", sa.String(256), nullable=False, index=True),
        sa.Column("receiver_id", sa.String(256), nullable=False, index=True),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("state", _words(TransferState), nullable=False, index=True),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("mode", _words(Mode), nullable=False),
        sa.Column("stored", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("completed_at", sa.Float),
        sa.Column("expires_at", sa.Float, nullable=False, index=True),
    ),
    Upload: sa.Table(
        "uploads",
        metadata,
        sa.Column("transfer_id", sa.String(32), primary_key=True),
        sa.Column("user_id", sa.String(256), nullable=False, index=True),
        sa.Column("length", sa.BigInteger),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("filename", sa.String(255)),
        sa.Column("policy", _words(Policy), nullable=False),
        sa.Column("keeps", sa.Boolean, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False, index=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False, index=True),
        sa.Column("window", sa.BigInteger),
    ),
    Delivery: sa.Table(
        "deliveries",
        metadata,
        sa.Column("delivery_id", sa.String(320), primary_key=True),
        sa.Column("transfer_id", sa.String(32), nullable=False, index=True),
        sa.Column("receiver_id", sa.String(256), nullable=False),
        sa.Column("delivered_at", sa.Float, nullable=False),
    ),
    Relay: sa.Table(
        "relays",
        metadata,
        sa.Column("session_id", sa.String(32), primary_key=True),
        sa.Column("opener_id", sa.String(32), nullable=False, index=True),
        sa.Column("target_id", sa.String(32), nullable=False, index=True),
        sa.Column("transfer_id", sa.String(32)),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("used_at", sa.Float, nullable=False, index=True),
        sa.Column("to_opener", sa.BigInteger, nullable=False),
        sa.Column("to_target", sa.BigInteger, nullable=False),
    ),
    Notice: sa.Table(
        "notices",
        metadata,
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("user_id", sa.String(256), nullable=False, index=True),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("subject", sa.String(32), nullable=False, index=True),
        sa.Column("created_at", sa.Float, nullable=False, index=True),
        sqlite_autoincrement=True,
    ),
    Mailbox: sa.Table(
        "mailboxes",
        metadata,
        sa.Column("mailbox_id", sa.String(32), primary_key=True),
        sa.Column("address", sa.String(64), index=True),
        sa.Column("next_number", sa.BigInteger, nullable=False),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False, index=True),
    ),
    Message: sa.Table(
        "messages",
        metadata,
        sa.Column("message_id", sa.String(64), primary_key=True),
        sa.Column("mailbox_id", sa.String(32), nullable=False, index=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    ),
    Nameplate: sa.Table(
        "nameplates",
        metadata,
        sa.Column("nameplate_id", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), index=True),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False, index=True),
    ),
    Claim: sa.Table(
        "claims",
        metadata,
        sa.Column("claim_id", sa.String(32), primary_key=True),
        sa.Column("nameplate_id", sa.String(16), nullable=False, index=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("mailbox_id", sa.String(32), nullable=False),
    ),
    Sealed: sa.Table(
        "sealed",
        metadata,
        sa.Column("transfer_id", sa.String(32), primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=False),
    ),
    Meta: sa.Table(
        "meta",
        metadata,
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    ),
}

KEY: dict[type[Record], str] = {kind: kind.__struct_fields__[0] for kind in TABLES}
