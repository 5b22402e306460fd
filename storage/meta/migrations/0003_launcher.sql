-- SPDX-License-Identifier: Apache-2.0
-- Clusters, container instances, task definitions, tasks. Times are microseconds since the epoch; `version` columns
-- count changes, so that an update can say which state it was decided on.
CREATE TABLE cluster (
    id         INTEGER PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    status     TEXT NOT NULL,
    document   TEXT NOT NULL,                 -- JSON: tags, settings
    created_at BIGINT NOT NULL,
    UNIQUE (account_id, region, name)
);
CREATE TABLE container_instance (
    id            TEXT PRIMARY KEY,           -- 32 hex digits
    cluster_id    BIGINT NOT NULL REFERENCES cluster (id),
    status        TEXT NOT NULL,              -- ACTIVE | DRAINING | INACTIVE
    principal_arn TEXT NOT NULL,              -- who registered it; nobody else may speak for it
    document      TEXT NOT NULL,              -- JSON: registered resources, attributes, versionInfo, ...
    version       BIGINT NOT NULL,            -- also what a poll waits for: grows with each change of its tasks
    registered_at BIGINT NOT NULL
);
CREATE INDEX container_instance_cluster ON container_instance (cluster_id, status);
CREATE TABLE task_definition (
    id            INTEGER PRIMARY KEY,
    account_id    TEXT NOT NULL REFERENCES account (id),
    region        TEXT NOT NULL,
    family        TEXT NOT NULL,
    revision      BIGINT NOT NULL,
    status        TEXT NOT NULL,              -- ACTIVE | INACTIVE
    document      TEXT NOT NULL,              -- JSON as DescribeTaskDefinition answers it, with its tags
    registered_at BIGINT NOT NULL,
    deregistered_at BIGINT,
    UNIQUE (account_id, region, family, revision)
);
CREATE TABLE task_family (                    -- revisions never restart, even when all are gone
    account_id    TEXT NOT NULL,
    region        TEXT NOT NULL,
    family        TEXT NOT NULL,
    last_revision BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, family)
);
CREATE TABLE task (
    id             TEXT PRIMARY KEY,          -- 32 hex digits
    cluster_id     BIGINT NOT NULL REFERENCES cluster (id),
    instance_id    TEXT NOT NULL REFERENCES container_instance (id),
    definition_id  BIGINT NOT NULL REFERENCES task_definition (id),
    family         TEXT NOT NULL,
    cpu            BIGINT NOT NULL,           -- reserved on the instance until the task is STOPPED
    memory_mib     BIGINT NOT NULL,
    ports          TEXT NOT NULL,             -- JSON {"tcp": [...], "udp": [...]}: fixed host ports
    document       TEXT NOT NULL,             -- JSON as DescribeTasks answers it; the columns below repeat members of it
    desired_status TEXT NOT NULL,             -- RUNNING | STOPPED
    last_status    TEXT NOT NULL,
    started_by     TEXT NOT NULL,             -- '' when not given
    version        BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    stopped_at     BIGINT
);
CREATE INDEX task_cluster ON task (cluster_id, desired_status, id);
CREATE INDEX task_instance ON task (instance_id, last_status);
CREATE INDEX task_stopped ON task (stopped_at) WHERE stopped_at IS NOT NULL;
CREATE TABLE task_request (                   -- RunTask with a clientToken: the same request again gives the same tasks
    cluster_id   BIGINT NOT NULL REFERENCES cluster (id),
    client_token TEXT NOT NULL,
    request      TEXT NOT NULL,               -- JSON of the parameters
    tasks        TEXT NOT NULL,               -- JSON list of task ids
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (cluster_id, client_token)
);
