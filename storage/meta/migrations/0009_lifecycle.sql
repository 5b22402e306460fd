-- SPDX-License-Identifier: Apache-2.0
-- Lifecycle policies, their previews, and when images were pulled. Times are microseconds since the epoch.
CREATE TABLE lifecycle_policy (
    repository_id BIGINT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
    policy        TEXT NOT NULL,              -- as it was put
    put_at        BIGINT NOT NULL,            -- also what a run was decided on: it grows with every put
    evaluated_at  BIGINT,
    next_at       BIGINT NOT NULL             -- the next run
);
CREATE INDEX lifecycle_policy_next ON lifecycle_policy (next_at);
CREATE TABLE lifecycle_preview (
    repository_id BIGINT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
    policy        TEXT NOT NULL,
    status        TEXT NOT NULL,              -- IN_PROGRESS | COMPLETE | FAILED | EXPIRED
    started_at    BIGINT NOT NULL,
    finished_at   BIGINT,
    expiring      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX lifecycle_preview_status ON lifecycle_preview (status, started_at);
CREATE TABLE lifecycle_preview_image (         -- what would expire, in the order in which it would
    repository_id BIGINT NOT NULL REFERENCES lifecycle_preview (repository_id) ON DELETE CASCADE,
    position      BIGINT NOT NULL,
    digest        TEXT NOT NULL,
    tags          TEXT NOT NULL,              -- JSON list, '[]' for none
    pushed_at     BIGINT NOT NULL,
    rule          BIGINT NOT NULL,            -- priority
    PRIMARY KEY (repository_id, position)
);
CREATE INDEX lifecycle_preview_image_digest ON lifecycle_preview_image (repository_id, digest);
CREATE TABLE manifest_pull (                   -- beside the manifest, whose row is large
    repository_id BIGINT NOT NULL,
    digest        TEXT NOT NULL,
    pulled_at     BIGINT NOT NULL,
    PRIMARY KEY (repository_id, digest),
    FOREIGN KEY (repository_id, digest) REFERENCES manifest (repository_id, digest) ON DELETE CASCADE
);
