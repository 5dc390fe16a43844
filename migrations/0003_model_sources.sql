-- +goose Up

-- One row is the version that servers last followed from one source of a model's
-- versions, so that they don't undo what a person changed since.
CREATE TABLE larder.model_sources (
    source   text PRIMARY KEY, -- as in "mlflow fraud@champion" of a model
    followed text        NOT NULL, -- the version there
    at       timestamptz NOT NULL DEFAULT now()
);

-- When the file was last requested; a file that no definitions use is deleted some
-- time after that.
ALTER TABLE larder.model_files ADD COLUMN wanted_at timestamptz NOT NULL DEFAULT now();
