-- +goose Up

-- One row is one row of a request that a model version scored and that was logged:
-- what it was asked, and what it saw. Servers with --feature-log-table add rows, and
-- delete those of before --feature-log-keep. The JSON is json, not jsonb, which has
-- no -0 and no \u0000.
CREATE TABLE larder.feature_log (
    logged_at       timestamptz NOT NULL DEFAULT now(),
    request_id      numeric(20) NOT NULL, -- log:id of the files, 64 bits without a sign
    row             integer     NOT NULL, -- of the request
    role            text        NOT NULL, -- serve or shadow
    model           text        NOT NULL,
    model_version   bigint      NOT NULL,
    catalog_version bigint      NOT NULL,
    at              timestamptz NOT NULL, -- the request's clock reading
    latency_us      bigint      NOT NULL,
    score           float8      NOT NULL,
    overridden      text[]      NOT NULL, -- VIEW:FEATURE that the request brought
    keys            json        NOT NULL,
    request         json        NOT NULL,
    statuses        json        NOT NULL, -- by view
    ages_us         json        NOT NULL, -- by view; 0 where nothing was found
    vector          float4[],             -- what a model of one tensor was fed, in the order of its feature service
    inputs          json,                 -- what any other was fed, by feature
    CHECK ((vector IS NULL) <> (inputs IS NULL))
);
CREATE INDEX feature_log_by_time ON larder.feature_log (logged_at);
