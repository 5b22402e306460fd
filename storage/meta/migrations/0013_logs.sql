-- SPDX-License-Identifier: Apache-2.0
-- Log groups and log streams. Their events are no rows: launcher/logs keeps them in files below a folder for each id.
CREATE TABLE log_group (
    id             TEXT PRIMARY KEY,          -- 32 hex digits, never used again
    account_id     TEXT NOT NULL REFERENCES account (id),
    region         TEXT NOT NULL,
    name           TEXT NOT NULL,
    created_at     BIGINT NOT NULL,           -- microseconds
    retention_days BIGINT NOT NULL DEFAULT 0, -- 0: events stay
    tags           TEXT NOT NULL,             -- JSON object
    UNIQUE (account_id, region, name)
);
CREATE TABLE log_stream (
    id         TEXT PRIMARY KEY,              -- 32 hex digits, never used again
    group_id   TEXT NOT NULL REFERENCES log_group (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (group_id, name)
);
