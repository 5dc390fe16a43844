-- +goose Up

-- A name that a person gave a training set; null without one.
ALTER TABLE larder.datasets ADD COLUMN name text UNIQUE;
