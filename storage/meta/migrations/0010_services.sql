-- SPDX-License-Identifier: Apache-2.0
-- Services with their deployments (or task sets) and events, and what a service has to know of its tasks.
CREATE TABLE service (
    id          INTEGER PRIMARY KEY,
    cluster_id  BIGINT NOT NULL REFERENCES cluster (id),
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,                -- ACTIVE | DRAINING | INACTIVE
    scheduling  TEXT NOT NULL,                -- REPLICA | DAEMON
    launch_type TEXT NOT NULL,                -- EC2 | EXTERNAL
    desired     BIGINT NOT NULL,
    steady      BIGINT NOT NULL,              -- 0 | 1: as the last plan said
    document    TEXT NOT NULL,                -- JSON: settings as DescribeServices answers them, with tags
    request     TEXT NOT NULL,                -- JSON of CreateService's parameters: the same again is no error
    version     BIGINT NOT NULL,              -- grows with each change of the service or its deployments
    created_at  BIGINT NOT NULL,
    ended_at    BIGINT                        -- since when it is INACTIVE
);
CREATE UNIQUE INDEX service_name ON service (cluster_id, name) WHERE status <> 'INACTIVE';
CREATE INDEX service_all ON service (cluster_id, name, id);
CREATE TABLE service_deployment (             -- a deployment, or a task set
    id              TEXT PRIMARY KEY,         -- ecs-svc/19 digits
    service_id      BIGINT NOT NULL REFERENCES service (id),
    number          BIGINT NOT NULL,          -- counts up within the service
    definition_id   BIGINT NOT NULL REFERENCES task_definition (id),
    public_id       TEXT NOT NULL,            -- last part of the service deployment's ARN
    revision        TEXT NOT NULL,            -- last part of the service revision's ARN; a rollback has that of its target
    rollback_of     TEXT,                     -- the failed deployment that this one replaces
    status          TEXT NOT NULL,            -- PRIMARY | ACTIVE | INACTIVE
    rollout         TEXT NOT NULL,            -- IN_PROGRESS | COMPLETED | FAILED
    failed_tasks    BIGINT NOT NULL,
    start_failures  BIGINT NOT NULL,
    last_failure_at BIGINT NOT NULL,
    retry_at        BIGINT NOT NULL,
    rolled_back     BIGINT NOT NULL,
    stable          BIGINT NOT NULL,
    desired         BIGINT NOT NULL,
    document        TEXT NOT NULL,            -- JSON: what was asked for, and why it ended
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    finished_at     BIGINT                    -- COMPLETED, FAILED or replaced by another
);
CREATE INDEX service_deployment_service ON service_deployment (service_id, number);
CREATE INDEX service_deployment_public ON service_deployment (public_id);
CREATE TABLE service_event (
    id         INTEGER PRIMARY KEY,
    service_id BIGINT NOT NULL REFERENCES service (id),
    uuid       TEXT NOT NULL,
    message    TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX service_event_service ON service_event (service_id, id);
ALTER TABLE task ADD COLUMN service_id BIGINT;                       -- NULL: not of a service
ALTER TABLE task ADD COLUMN counted BIGINT NOT NULL DEFAULT 0;       -- 1: it stopped, and its service knows
ALTER TABLE task ADD COLUMN health TEXT NOT NULL DEFAULT 'UNKNOWN';  -- repeats the document's healthStatus
ALTER TABLE task ADD COLUMN health_at BIGINT NOT NULL DEFAULT 0;     -- when that became so
ALTER TABLE task ADD COLUMN started_at BIGINT NOT NULL DEFAULT 0;    -- when it reached RUNNING; 0: never
ALTER TABLE task ADD COLUMN stop_wanted BIGINT NOT NULL DEFAULT 0;   -- 1: somebody asked for its end, so that is no failure
CREATE INDEX task_service ON task (service_id, counted, version) WHERE service_id IS NOT NULL;
