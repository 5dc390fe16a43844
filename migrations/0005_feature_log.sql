-- +goose Up

-- One row is one logged row of a request that a model version scored: what the request
-- sent, and what the model got. Servers with --feature-log-table add rows and delete
-- those older than --feature-log-keep. The JSON is json, not jsonb, because jsonb has
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
    overridden      text[]      NOT NULL, -- VIEW:FEATURE of each value that the request sent
    keys            json        NOT NULL,
    request         json        NOT NULL,
    statuses        json        NOT NULL, -- by view
    ages_us         json        NOT NULL, -- by view; 0 where nothing was found
    vector          float4[],             -- the input of a model with one tensor, in the order of its feature service
    inputs          json,                 -- the inputs of any other model, by feature
    CHECK ((vector IS NULL) <> (inputs IS NULL))
);
CREATE INDEX feature_log_by_time ON larder.feature_log (logged_at);
