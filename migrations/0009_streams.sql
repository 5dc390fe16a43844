-- +goose Up

-- One row is a stream that has a log: its last batch, and which server writes it.
CREATE TABLE larder.streams (
    name   text PRIMARY KEY,
    seq    bigint      NOT NULL DEFAULT 0, -- the number of the last batch in the log
    at     timestamptz NOT NULL DEFAULT clock_timestamp(), -- no later batch has an earlier or equal stamp
    holder text, -- the process that reads the source; null when none ever did
    server text, -- its name, for people
    epoch  bigint      NOT NULL DEFAULT 0, -- counts holders; a writer of an older epoch commits nothing
    until  timestamptz NOT NULL DEFAULT '-infinity', -- when another process may take over
    paused boolean     NOT NULL DEFAULT false,
    failed text, -- why the source stopped for good; null while it works
    state  jsonb -- what the holder told last about the source, for people
);

-- One row is how far a part of a stream's source, such as a partition, is in the log.
CREATE TABLE larder.stream_offsets (
    stream      text   NOT NULL,
    part        text   NOT NULL,
    incarnation text   NOT NULL, -- tells a part from a later one of the same name
    next        bigint NOT NULL, -- the first offset that is not in the log
    PRIMARY KEY (stream, part)
);

-- One row is a message that could not become an event.
CREATE TABLE larder.dead_letters (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream     text        NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason     text        NOT NULL,
    detail     text        NOT NULL,
    part       text        NOT NULL,
    "offset"   bigint      NOT NULL,
    message    bytea, -- its first 64 KiB
    bytes      bigint      NOT NULL, -- of the whole message
    retried_at timestamptz -- when it was appended after all
);
CREATE INDEX dead_letters_stream ON larder.dead_letters (stream, id);

-- One row is a push with an idempotency key; kept for a day.
CREATE TABLE larder.stream_pushes (
    stream text        NOT NULL,
    key    text        NOT NULL,
    seq    bigint      NOT NULL,
    at     timestamptz NOT NULL,
    answer jsonb       NOT NULL, -- what the push was answered
    PRIMARY KEY (stream, key)
);
CREATE INDEX stream_pushes_at ON larder.stream_pushes (at);

-- The batches that aggregate views were answered from, by view; null where there is none.
ALTER TABLE larder.feature_log ADD COLUMN positions json;
