-- +goose Up

-- One row is one API key. Its secret is nowhere: digest is the SHA-256 of 256 random bits.
CREATE TABLE larder.keys (
    id           text PRIMARY KEY CHECK (id ~ '^[A-Z2-7]+$'),
    name         text        NOT NULL,
    digest       bytea       NOT NULL CHECK (length(digest) = 32),
    roles        text[]      NOT NULL,
    owner        text        NOT NULL,
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    revoked_by   text,
    last_used_at timestamptz
);
CREATE UNIQUE INDEX keys_by_name ON larder.keys (name) WHERE revoked_at IS NULL;

-- Grows with each change of larder.keys, so that servers see that there is one.
ALTER TABLE larder.registry ADD COLUMN keys_revision bigint NOT NULL DEFAULT 0;

-- One row is one record of the audit trail. A chain is the records of one run of one server,
-- numbered from 1. hash is the SHA-256 of the record with the hash of the one before it.
CREATE TABLE larder.audit (
    chain  text        NOT NULL,
    seq    bigint      NOT NULL CHECK (seq > 0),
    at     timestamptz NOT NULL, -- when it was written; in the order of seq
    record text        NOT NULL, -- JSON, as it was hashed
    hash   bytea       NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (chain, seq)
);
CREATE INDEX audit_by_time ON larder.audit (at);
