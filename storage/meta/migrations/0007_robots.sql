-- SPDX-License-Identifier: Apache-2.0
-- Named passwords for tools that cannot sign: each belongs to a user of the directory, whose policies say what it may.
-- Times are microseconds since the epoch.
CREATE TABLE robot (
    user_id       TEXT PRIMARY KEY REFERENCES iam_entity (id) ON DELETE CASCADE,
    account_id    TEXT NOT NULL REFERENCES account (id),
    name          TEXT NOT NULL,          -- of the user; compares without case
    password_hash TEXT NOT NULL,          -- argon2id, with its parameters
    scopes        TEXT NOT NULL,          -- as given: "team-a/*:pull,push app:pull"
    created_at    BIGINT NOT NULL,
    rotated_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,        -- 0: never
    UNIQUE (account_id, name)
);
