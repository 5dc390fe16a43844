-- +goose Up

-- One row is the ramp of one model in the newest version of the definitions: when it
-- began, and the guard that stopped it, until a person resumes it.
CREATE TABLE larder.rollouts (
    model      text PRIMARY KEY,
    id         text        NOT NULL, -- identifies the ramp's numbers and files: each ramp has another
    began      timestamptz NOT NULL DEFAULT now(),
    tripped_at timestamptz,
    tripped_by text, -- the server
    reason     text,
    CHECK ((tripped_at IS NULL) = (reason IS NULL) AND (tripped_at IS NULL) = (tripped_by IS NULL))
);

-- The bucket, 0 to 9,999, of a value of split_by. It is the same here, on every server
-- and in the Python client.
CREATE FUNCTION larder.bucket(salt text, value text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (('x' || encode(substring(sha256(convert_to(salt || ':' || value, 'UTF8')) FROM 1 FOR 4), 'hex'))::bit(32)::bigint % 10000)::integer;
