-- +goose Up

-- One row is one training set that was built. A model version can name it as the set
-- that it was trained on. Rows are never changed.
CREATE TABLE larder.datasets (
    id              text PRIMARY KEY,
    created_at      timestamptz NOT NULL,
    feature_service text        NOT NULL,
    manifest        jsonb       NOT NULL
);
CREATE INDEX datasets_by_time ON larder.datasets (created_at DESC);
