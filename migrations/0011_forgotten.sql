-- +goose Up

-- The one row has the salt of the hashes of forgotten keys. The keys themselves are not kept.
CREATE TABLE larder.forgotten_salt (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    salt      bytea NOT NULL CHECK (length(salt) = 32)
);
INSERT INTO larder.forgotten_salt (salt)
    VALUES (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- One row is one request to forget keys of an entity.
CREATE TABLE larder.forgettings (
    id           text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    entity       text        NOT NULL,
    join_keys    text[]      NOT NULL, -- sorted; the hashes are of these and their values
    digest       text        NOT NULL, -- of the hashes; the same request again goes on with this one
    keys         bigint      NOT NULL,
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at      timestamptz -- null while it goes on
);
CREATE UNIQUE INDEX forgettings_unfinished ON larder.forgettings (digest) WHERE done_at IS NULL;

-- One row is one forgotten key, or a view that is to be made again since events of a
-- forgotten key are in its states. Numbers are committed in their order.
CREATE TABLE larder.forgotten (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    forgetting text  NOT NULL REFERENCES larder.forgettings (id),
    hash       bytea CHECK (length(hash) = 32),
    view       text,
    CHECK ((hash IS NULL) <> (view IS NULL))
);
CREATE INDEX forgotten_by_forgetting ON larder.forgotten (forgetting);

-- One row is what was removed in one place for one forgetting.
CREATE TABLE larder.forgotten_places (
    forgetting text        NOT NULL REFERENCES larder.forgettings (id),
    place      text        NOT NULL, -- server NAME, or postgres
    what       text        NOT NULL, -- as in view customer_spend, or table larder.feature_log
    removed    bigint      NOT NULL, -- rows, over all attempts
    note       text        NOT NULL DEFAULT '',
    at         timestamptz NOT NULL DEFAULT clock_timestamp(), -- of the last attempt
    PRIMARY KEY (forgetting, place, what)
);

-- One row is one server, and up to which number of larder.forgotten it has removed the keys.
CREATE TABLE larder.forgotten_servers (
    server  text PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- told every few seconds
    done    bigint      NOT NULL DEFAULT 0,
    problem text        NOT NULL DEFAULT '' -- why it can't go on; empty while it can
);
