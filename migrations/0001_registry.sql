-- +goose Up

-- The one row says which registry this is. A server's folder of rows belongs to
-- one registry, since only that knows what its view numbers mean.
CREATE TABLE larder.registry (
    id        text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    singleton boolean NOT NULL DEFAULT true UNIQUE CHECK (singleton)
);
INSERT INTO larder.registry DEFAULT VALUES;

-- One row is one applied version of the definitions. The newest
-- version is the one that servers serve. Rows are never changed.
CREATE TABLE larder.versions (
    version     bigint PRIMARY KEY CHECK (version > 0),
    id          text        NOT NULL DEFAULT gen_random_uuid()::text, -- distinguishes it from a version of the same number in a restored backup
    definitions text        NOT NULL, -- JSON; text, so that the fingerprint can be checked
    storage     text        NOT NULL, -- JSON: how the rows of each view are stored
    fingerprint text        NOT NULL,
    applied_by  text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now(),
    reverts_to  bigint REFERENCES larder.versions (version)
);

-- One row is one model file that is stored whole.
CREATE TABLE larder.model_files (
    sha256    text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size      bigint      NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now()
);

-- One row is one piece of a model file; the file is its pieces in order.
CREATE TABLE larder.model_chunks (
    sha256 text  NOT NULL REFERENCES larder.model_files (sha256) ON DELETE CASCADE,
    seq    int   NOT NULL,
    data   bytea NOT NULL,
    PRIMARY KEY (sha256, seq)
);
-- Model files hardly compress; they read fastest stored out of line and uncompressed.
ALTER TABLE larder.model_chunks ALTER COLUMN data SET STORAGE EXTERNAL;

-- One row is one materialization of one view on one server.
CREATE TABLE larder.runs (
    id           text PRIMARY KEY,
    feature_view text        NOT NULL,
    server       text        NOT NULL,
    state        text        NOT NULL,
    started_at   timestamptz NOT NULL,
    run          jsonb       NOT NULL -- larder.v1.Run
);
CREATE INDEX runs_by_view ON larder.runs (server, feature_view, started_at DESC);
