-- +goose Up

-- One row is what servers followed last from where a model's versions come by
-- themselves, so that what a person changed since is not changed back.
CREATE TABLE larder.model_sources (
    source   text PRIMARY KEY, -- as in "mlflow fraud@champion" of a model
    followed text        NOT NULL, -- the version there
    at       timestamptz NOT NULL DEFAULT now()
);

-- When somebody last asked for the file; files that no definitions name go some
-- time after that.
ALTER TABLE larder.model_files ADD COLUMN wanted_at timestamptz NOT NULL DEFAULT now();
