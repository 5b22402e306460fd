-- Clusters, container instances, task definitions, tasks. Times are microseconds since the epoch; `version` columns
-- count changes, so that an update can say which state it was decided on.
CREATE TABLE cluster (
    id         INTEGER PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    status     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (account_id, region, name)
);
CREATE TABLE container_instance (
    id            TEXT PRIMARY KEY,           -- 32 hex digits
    cluster_id    BIGINT NOT NULL REFERENCES cluster (id),
    status        TEXT NOT NULL,              -- ACTIVE | DRAINING | INACTIVE
    document      TEXT NOT NULL,              -- JSON: registered resources, attributes, versionInfo, ...
    version       BIGINT NOT NULL,
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
    document      TEXT NOT NULL,              -- JSON as DescribeTaskDefinition answers it
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
    instance_id    TEXT REFERENCES container_instance (id),
    family         TEXT NOT NULL,
    desired_status TEXT NOT NULL,             -- RUNNING | STOPPED
    last_status    TEXT NOT NULL,
    started_by     TEXT,
    task_group     TEXT,
    client_token   TEXT,
    version        BIGINT NOT NULL,
    document       TEXT NOT NULL,             -- JSON as DescribeTasks answers it, less the columns above
    created_at     BIGINT NOT NULL,
    stopped_at     BIGINT
);
CREATE INDEX task_cluster ON task (cluster_id, desired_status, last_status);
CREATE INDEX task_instance ON task (instance_id, last_status);
CREATE INDEX task_client_token ON task (cluster_id, client_token) WHERE client_token IS NOT NULL;
