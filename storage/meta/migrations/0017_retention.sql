-- SPDX-License-Identifier: Apache-2.0
-- What the loop of services reads at each look lies in one index, and what goes after a while is found by one.
DROP INDEX task_service;
CREATE INDEX task_service ON task (service_id, counted, version, protected_until) WHERE service_id IS NOT NULL;
CREATE INDEX task_request_created ON task_request (created_at);
CREATE INDEX service_ended ON service (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX service_deployment_finished ON service_deployment (finished_at) WHERE status = 'INACTIVE';
CREATE INDEX ssm_activation_expires ON ssm_activation (expires_at);
ALTER TABLE cluster ADD COLUMN ended_at BIGINT;  -- since when it is INACTIVE
UPDATE cluster SET ended_at = created_at WHERE status = 'INACTIVE';
CREATE INDEX cluster_ended ON cluster (ended_at) WHERE ended_at IS NOT NULL;
