-- SPDX-License-Identifier: Apache-2.0
-- Machines that activations made, and when a container instance became INACTIVE: it is forgotten a while later.
CREATE TABLE ssm_managed_instance (            -- its user has the same name
    id            TEXT PRIMARY KEY,            -- mi- and 17 hex digits
    account_id    TEXT NOT NULL REFERENCES account (id),
    region        TEXT NOT NULL,
    activation_id TEXT NOT NULL,               -- which may be deleted meanwhile
    document      TEXT NOT NULL,               -- JSON: IamRole, Name, Tags as the activation had them
    registered_at BIGINT NOT NULL
);
CREATE INDEX ssm_managed_instance_all ON ssm_managed_instance (account_id, region, id);
ALTER TABLE container_instance ADD COLUMN inactive_at BIGINT NOT NULL DEFAULT 0;  -- microseconds; 0: is not INACTIVE
UPDATE container_instance SET inactive_at = 1 WHERE status = 'INACTIVE';
CREATE INDEX container_instance_inactive ON container_instance (inactive_at) WHERE inactive_at > 0;
CREATE INDEX container_instance_principal ON container_instance (principal_arn, inactive_at);
