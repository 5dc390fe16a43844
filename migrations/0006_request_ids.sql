-- +goose Up

-- The id of the request: any text that the caller sends, or else 16 hexadecimal digits.
-- Labels find logged rows by it.
ALTER TABLE larder.feature_log ALTER COLUMN request_id TYPE text USING request_id::text;
CREATE INDEX feature_log_by_model ON larder.feature_log (model, at);
