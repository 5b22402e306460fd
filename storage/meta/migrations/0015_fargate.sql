-- SPDX-License-Identifier: Apache-2.0
-- Fargate: machines that serve tasks of every cluster of their account, tasks that wait for capacity (so instance_id may be NULL: the
-- table is made anew), the capacity provider of a task.
ALTER TABLE container_instance ADD COLUMN capacity TEXT NOT NULL DEFAULT 'CLUSTER';  -- CLUSTER | FARGATE | BOTH
CREATE INDEX container_instance_fargate ON container_instance (capacity, status) WHERE capacity <> 'CLUSTER';
ALTER TABLE task RENAME TO task_before;
CREATE TABLE task (
    id              TEXT PRIMARY KEY,         -- 32 hex digits
    cluster_id      BIGINT NOT NULL REFERENCES cluster (id),
    instance_id     TEXT REFERENCES container_instance (id),  -- NULL: it waits for capacity
    definition_id   BIGINT NOT NULL REFERENCES task_definition (id),
    family          TEXT NOT NULL,
    cpu             BIGINT NOT NULL,          -- reserved on the instance until the task is STOPPED
    memory_mib      BIGINT NOT NULL,
    ports           TEXT NOT NULL,            -- JSON {"tcp": [...], "udp": [...]}: fixed host ports
    document        TEXT NOT NULL,            -- JSON as DescribeTasks answers it; the columns below repeat members of it
    desired_status  TEXT NOT NULL,            -- RUNNING | STOPPED
    last_status     TEXT NOT NULL,
    started_by      TEXT NOT NULL,            -- '' when not given
    version         BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    stopped_at      BIGINT,
    service_id      BIGINT,                   -- NULL: not of a service
    counted         BIGINT NOT NULL DEFAULT 0,          -- 1: it stopped, and its service knows
    health          TEXT NOT NULL DEFAULT 'UNKNOWN',
    health_at       BIGINT NOT NULL DEFAULT 0,          -- when that became so
    started_at      BIGINT NOT NULL DEFAULT 0,          -- when it reached RUNNING; 0: never
    stop_wanted     BIGINT NOT NULL DEFAULT 0,          -- 1: somebody asked for its end, so that is no failure
    protected_until BIGINT NOT NULL DEFAULT 0,          -- microseconds; a service does not scale it in before
    launch_type     TEXT NOT NULL DEFAULT 'EC2',
    provider        TEXT NOT NULL DEFAULT ''            -- repeats the document's capacityProviderName
);
INSERT INTO task (id, cluster_id, instance_id, definition_id, family, cpu, memory_mib, ports, document, desired_status, last_status,
    started_by, version, created_at, stopped_at, service_id, counted, health, health_at, started_at, stop_wanted, protected_until,
    launch_type)
    SELECT id, cluster_id, instance_id, definition_id, family, cpu, memory_mib, ports, document, desired_status, last_status,
    started_by, version, created_at, stopped_at, service_id, counted, health, health_at, started_at, stop_wanted, protected_until,
    launch_type FROM task_before;
DROP TABLE task_before;
CREATE INDEX task_cluster ON task (cluster_id, desired_status, id);
CREATE INDEX task_instance ON task (instance_id, last_status);
CREATE INDEX task_stopped ON task (stopped_at) WHERE stopped_at IS NOT NULL;
CREATE INDEX task_service ON task (service_id, counted, version) WHERE service_id IS NOT NULL;
CREATE INDEX task_protected ON task (cluster_id, protected_until) WHERE protected_until > 0;
CREATE INDEX task_waiting ON task (created_at, id) WHERE instance_id IS NULL AND stopped_at IS NULL;
