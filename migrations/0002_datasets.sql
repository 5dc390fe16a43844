-- +goose Up

-- One row is one training set that was built: what a model can say that it was
-- trained on. Rows are never changed.
CREATE TABLE larder.datasets (
    id              text PRIMARY KEY,
    created_at      timestamptz NOT NULL,
    feature_service text        NOT NULL,
    manifest        jsonb       NOT NULL
);
CREATE INDEX datasets_by_time ON larder.datasets (created_at DESC);
