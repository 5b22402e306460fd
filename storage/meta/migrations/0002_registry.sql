-- SPDX-License-Identifier: Apache-2.0
-- Repositories and what they hold. A blob's bytes are shared by all repositories; membership is a row of its own.
-- SQLite reads BYTEA as a type name with BLOB storage as bound; times are microseconds since the epoch.
CREATE TABLE repository (
    id                  BIGINT PRIMARY KEY,   -- random, never used again
    account_id          TEXT NOT NULL REFERENCES account (id),
    region              TEXT NOT NULL,
    name                TEXT NOT NULL,
    created_at          BIGINT NOT NULL,
    tag_mutability      TEXT NOT NULL DEFAULT 'MUTABLE',
    settings            TEXT NOT NULL DEFAULT '{}',  -- JSON: members that are stored and echoed
    UNIQUE (account_id, region, name)
);
CREATE TABLE blob (
    digest     TEXT PRIMARY KEY,              -- algorithm:hex
    size       BIGINT NOT NULL,
    blob_key   TEXT NOT NULL,                 -- the driver's
    created_at BIGINT NOT NULL
);
CREATE INDEX blob_key ON blob (blob_key);      -- is this file anyone's
CREATE TABLE repository_blob (
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest        TEXT NOT NULL REFERENCES blob (digest),
    linked_at     BIGINT NOT NULL,
    PRIMARY KEY (repository_id, digest)
);
CREATE INDEX repository_blob_digest ON repository_blob (digest);
CREATE TABLE manifest (
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest        TEXT NOT NULL,
    media_type    TEXT NOT NULL,
    artifact_type TEXT,
    subject       TEXT,                       -- digest that this one refers to
    size          BIGINT NOT NULL,            -- of the manifest itself
    image_size    BIGINT NOT NULL,            -- config + layers, or the largest child of an index
    annotations   TEXT,                       -- JSON object, for referrers
    config_media_type TEXT,
    content       BYTEA NOT NULL,             -- verbatim
    pushed_at     BIGINT NOT NULL,
    PRIMARY KEY (repository_id, digest)
);
CREATE INDEX manifest_subject ON manifest (repository_id, subject) WHERE subject IS NOT NULL;
CREATE TABLE manifest_reference (              -- reverse references: who needs this blob or child manifest
    repository_id BIGINT NOT NULL,
    parent        TEXT NOT NULL,
    child         TEXT NOT NULL,
    kind          TEXT NOT NULL,              -- config | layer | manifest
    PRIMARY KEY (repository_id, parent, child),
    FOREIGN KEY (repository_id, parent) REFERENCES manifest (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX manifest_reference_child ON manifest_reference (repository_id, child);
CREATE TABLE tag (
    repository_id BIGINT NOT NULL,
    name          TEXT NOT NULL,
    digest        TEXT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (repository_id, name),
    FOREIGN KEY (repository_id, digest) REFERENCES manifest (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX tag_digest ON tag (repository_id, digest);
