-- +goose Up

-- One row is what one part of what a model's version is fed is compared with.
CREATE TABLE larder.watch_references (
    model     text   NOT NULL,
    version   bigint NOT NULL,
    part      text   NOT NULL,
    reference json   NOT NULL, -- of package monitor/watch
    made_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, version, part)
);

-- One row is what one server counted of one part of a model's version in a span of time.
CREATE TABLE larder.watch_windows (
    model     text        NOT NULL,
    version   bigint      NOT NULL,
    part      text        NOT NULL,
    begins    timestamptz NOT NULL,
    ends      timestamptz NOT NULL,
    server    text        NOT NULL, -- its name, and a number for each of its runs
    reference text        NOT NULL, -- the id of the reference whose bins it has
    counts    bytea       NOT NULL, -- of package monitor/watch
    PRIMARY KEY (model, version, part, begins, server, reference)
);
CREATE INDEX watch_windows_by_time ON larder.watch_windows (begins);
