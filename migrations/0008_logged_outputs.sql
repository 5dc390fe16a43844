-- +goose Up

-- The outputs that were computed, by name; null where none was asked for. A list has all
-- values of the row. The score of a model without one is NaN.
ALTER TABLE larder.feature_log ADD COLUMN outputs json;
