-- SPDX-License-Identifier: Apache-2.0
-- Accounts, users and their access keys. Times are microseconds since the epoch.
CREATE TABLE account (
    id         TEXT PRIMARY KEY,              -- 12 digits
    created_at BIGINT NOT NULL
);
CREATE TABLE iam_user (
    id         TEXT PRIMARY KEY,              -- AIDA...
    account_id TEXT NOT NULL REFERENCES account (id),
    name       TEXT NOT NULL,
    path       TEXT NOT NULL DEFAULT '/',
    kind       TEXT NOT NULL,                 -- admin | user | node
    created_at BIGINT NOT NULL,
    UNIQUE (account_id, name)
);
CREATE TABLE access_key (
    id         TEXT PRIMARY KEY,              -- AKIA...
    user_id    TEXT NOT NULL REFERENCES iam_user (id) ON DELETE CASCADE,
    secret     BYTEA NOT NULL,                -- sealed under the master key, bound to id
    status     TEXT NOT NULL DEFAULT 'Active',
    created_at BIGINT NOT NULL
);
CREATE INDEX access_key_user ON access_key (user_id);
