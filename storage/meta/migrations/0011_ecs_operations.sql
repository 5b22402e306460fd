-- SPDX-License-Identifier: Apache-2.0
-- Task protection, launch types, account settings, and activations of external instances.
ALTER TABLE task ADD COLUMN protected_until BIGINT NOT NULL DEFAULT 0;  -- microseconds; a service does not scale it in before
ALTER TABLE task ADD COLUMN launch_type TEXT NOT NULL DEFAULT 'EC2';    -- repeats the document's launchType
CREATE INDEX task_protected ON task (cluster_id, protected_until) WHERE protected_until > 0;
CREATE TABLE account_setting (
    account_id    TEXT NOT NULL REFERENCES account (id),
    region        TEXT NOT NULL,
    principal_arn TEXT NOT NULL,              -- the account's root: the default of all its principals
    name          TEXT NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (account_id, region, principal_arn, name)
);
CREATE TABLE ssm_activation (                 -- its code is the secret of the user activation-ID
    id          TEXT PRIMARY KEY,             -- UUID
    account_id  TEXT NOT NULL REFERENCES account (id),
    region      TEXT NOT NULL,
    document    TEXT NOT NULL,                -- JSON as DescribeActivations answers it, but for what is counted
    use_limit   BIGINT NOT NULL,
    uses        BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX ssm_activation_all ON ssm_activation (account_id, region, id);
