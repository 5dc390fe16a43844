-- +goose Up

-- A caller names its requests, in any text; those that it doesn't are named by 16
-- hexadecimal digits. Labels find logged rows by the name.
ALTER TABLE larder.feature_log ALTER COLUMN request_id TYPE text USING request_id::text;
CREATE INDEX feature_log_by_model ON larder.feature_log (model, at);
