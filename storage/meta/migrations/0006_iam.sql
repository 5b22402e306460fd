-- SPDX-License-Identifier: Apache-2.0
-- Identities as IAM has them: users, groups, roles, managed policies, instance profiles and OIDC providers are one table, since
-- they share names, paths, ids and tags; what only some kinds have is NULL in the others. Users and keys of 0001 move here.
-- Objects that come from policy files have no rows; a key may belong to a user of a policy file.
CREATE TABLE iam_entity (
    id               TEXT PRIMARY KEY,        -- AIDA, AGPA, AROA, ANPA, AIPA ...
    account_id       TEXT NOT NULL REFERENCES account (id),
    kind             TEXT NOT NULL,           -- user | group | role | policy | instance-profile | oidc-provider
    name             TEXT NOT NULL,           -- provider: its URL without the scheme
    name_key         TEXT NOT NULL,           -- the name in lower case: names that differ in case only are the same
    path             TEXT NOT NULL DEFAULT '/',
    description      TEXT,
    created_at       BIGINT NOT NULL,
    changed_at       BIGINT NOT NULL,
    user_kind        TEXT,                    -- user: admin | user | node
    boundary         TEXT,                    -- user, role: ARN of a policy
    trust_policy     TEXT,                    -- role
    max_session_s    BIGINT,                  -- role
    last_used_at     BIGINT,                  -- role
    last_used_region TEXT,                    -- role
    default_version  BIGINT,                  -- policy
    next_version     BIGINT,                  -- policy
    jwks             TEXT,                    -- provider: its keys, when they were given
    UNIQUE (account_id, kind, name_key)
);
CREATE TABLE iam_policy_version (
    policy_id  TEXT NOT NULL REFERENCES iam_entity (id) ON DELETE CASCADE,
    number     BIGINT NOT NULL,
    document   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (policy_id, number)
);
CREATE TABLE iam_inline_policy (
    entity_id TEXT NOT NULL REFERENCES iam_entity (id) ON DELETE CASCADE,
    name      TEXT NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (entity_id, name)
);
CREATE TABLE iam_tag (
    entity_id TEXT NOT NULL REFERENCES iam_entity (id) ON DELETE CASCADE,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (entity_id, key)
);
-- Lists of words: 'policy' (ARNs of attached policies), 'group' (ids, of a user), 'role' (id, of an instance profile),
-- 'client' and 'thumbprint' (of a provider). What is named may come from a policy file, so nothing is referenced.
CREATE TABLE iam_list (
    entity_id TEXT NOT NULL REFERENCES iam_entity (id) ON DELETE CASCADE,
    list      TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (entity_id, list, value)
);
CREATE TABLE iam_access_key (
    id                TEXT PRIMARY KEY,       -- AKIA...
    user_id           TEXT NOT NULL,
    account_id        TEXT NOT NULL REFERENCES account (id),
    secret            BYTEA NOT NULL,         -- sealed under the master key, bound to id
    status            TEXT NOT NULL DEFAULT 'Active',
    created_at        BIGINT NOT NULL,
    last_used_at      BIGINT,
    last_used_service TEXT,
    last_used_region  TEXT
);
CREATE INDEX iam_access_key_user ON iam_access_key (user_id);
ALTER TABLE account ADD COLUMN alias TEXT;
CREATE UNIQUE INDEX account_alias ON account (alias);
INSERT INTO iam_entity (id, account_id, kind, name, name_key, path, created_at, changed_at, user_kind)
SELECT id, account_id, 'user', name, lower(name), path, created_at, created_at, kind FROM iam_user;
INSERT INTO iam_access_key (id, user_id, account_id, secret, status, created_at)
SELECT k.id, k.user_id, u.account_id, k.secret, k.status, k.created_at
FROM access_key k JOIN iam_user u ON u.id = k.user_id;
DROP TABLE access_key;
DROP TABLE iam_user;
