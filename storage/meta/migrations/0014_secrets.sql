-- SPDX-License-Identifier: Apache-2.0
-- Secrets with their versions, and parameters. Values are sealed under the master key, bound to the ARN and the version.
-- Times are microseconds since the epoch.
CREATE TABLE secret (
    arn         TEXT PRIMARY KEY,             -- the name and six characters that are its own
    account_id  TEXT NOT NULL REFERENCES account (id),
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT,
    kms_key_id  TEXT,                         -- as it was given
    tags        TEXT NOT NULL,                -- JSON list of {Key, Value}
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    accessed_at BIGINT,                       -- the day
    deleted_at  BIGINT,                       -- when DeleteSecret was called
    expires_at  BIGINT,                       -- when it goes for good
    UNIQUE (account_id, region, name)
);
CREATE INDEX secret_by_age ON secret (account_id, region, created_at, arn);
CREATE INDEX secret_expiry ON secret (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE secret_version (
    secret_arn  TEXT NOT NULL REFERENCES secret (arn) ON DELETE CASCADE,
    version_id  TEXT NOT NULL,
    sealed      BYTEA NOT NULL,
    is_binary   BIGINT NOT NULL,              -- the sealed text is base64 of the value
    stages      TEXT NOT NULL,                -- JSON list; '[]' for a deprecated version
    created_at  BIGINT NOT NULL,
    accessed_at BIGINT,
    PRIMARY KEY (secret_arn, version_id)
);
CREATE TABLE parameter (
    account_id  TEXT NOT NULL REFERENCES account (id),
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    version     BIGINT NOT NULL,              -- the latest
    type        TEXT NOT NULL,                -- String | StringList | SecureString
    tags        TEXT NOT NULL,                -- JSON list of {Key, Value}
    PRIMARY KEY (account_id, region, name)
);
CREATE TABLE parameter_version (
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    version     BIGINT NOT NULL,
    sealed      BYTEA NOT NULL,
    document    TEXT NOT NULL,                -- JSON as DescribeParameters answers it, but for name, version and type
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, name, version),
    FOREIGN KEY (account_id, region, name) REFERENCES parameter (account_id, region, name) ON DELETE CASCADE
);
