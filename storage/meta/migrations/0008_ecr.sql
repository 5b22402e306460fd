-- SPDX-License-Identifier: Apache-2.0
-- What the rest of the ECR API keeps. Times are microseconds since the epoch.
ALTER TABLE repository ADD COLUMN policy TEXT;   -- the repository policy as it was given, or NULL

-- One value per name of an account's registry in a region: "policy", "account-setting:NAME", "pull-time-exclusion:ARN", ...
CREATE TABLE registry_setting (
    account_id TEXT NOT NULL REFERENCES account (id),
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, name)
);

CREATE TABLE creation_template (
    account_id TEXT NOT NULL REFERENCES account (id),
    region     TEXT NOT NULL,
    prefix     TEXT NOT NULL,                 -- or ROOT
    document   TEXT NOT NULL,                 -- JSON: the template's other members, named as in the API
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, prefix)
);

-- Uploads of the JSON API, which names them by a UUID. The bytes belong to the session that the token opens.
CREATE TABLE layer_upload (
    id            TEXT PRIMARY KEY,
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    principal     TEXT NOT NULL,
    token         TEXT NOT NULL,
    part_state    BIGINT NOT NULL,            -- 0: all parts long enough; 1: the last one is short; 2: a short one has a successor
    touched_at    BIGINT NOT NULL
);
CREATE INDEX layer_upload_repository ON layer_upload (repository_id);
CREATE INDEX layer_upload_touched ON layer_upload (touched_at);
