-- SPDX-License-Identifier: Apache-2.0
-- Quotas and what counts against them. A blob counts once in each quota, however many repositories of the quota have it; a
-- manifest counts in each repository. Triggers keep the counters, so no change can forget to, and rows that go by a foreign key's
-- cascade count too. The cost of a change is that of the quotas of its repository.
CREATE TABLE quota (
    id          BIGINT PRIMARY KEY,             -- random
    account_id  TEXT NOT NULL REFERENCES account (id),
    region      TEXT NOT NULL,
    prefix      TEXT NOT NULL,                  -- 'team/app': that repository; 'team/': those below; '*': all
    bytes_max   BIGINT,
    images_max  BIGINT,
    bytes_used  BIGINT NOT NULL DEFAULT 0,      -- of quota_blob, and of the manifests
    images_used BIGINT NOT NULL DEFAULT 0,      -- manifests
    UNIQUE (account_id, region, prefix)
);
CREATE TABLE quota_repository (                 -- who is in which quota; goes after the last row of its repository
    repository_id BIGINT NOT NULL,
    quota_id      BIGINT NOT NULL REFERENCES quota (id) ON DELETE CASCADE,
    PRIMARY KEY (repository_id, quota_id)
);
CREATE INDEX quota_repository_quota ON quota_repository (quota_id);
CREATE TABLE quota_blob (
    quota_id BIGINT NOT NULL REFERENCES quota (id) ON DELETE CASCADE,
    digest   TEXT NOT NULL,
    size     BIGINT NOT NULL,
    links    BIGINT NOT NULL,                   -- repositories of the quota that have it
    PRIMARY KEY (quota_id, digest)
);
CREATE TRIGGER quota_repository_added AFTER INSERT ON repository
BEGIN
    INSERT INTO quota_repository (repository_id, quota_id)
    SELECT new.id, q.id FROM quota q
    WHERE q.account_id = new.account_id AND q.region = new.region
      AND (q.prefix = '*' OR q.prefix = new.name
           OR (q.prefix LIKE '%/' AND substr(new.name, 1, length(q.prefix)) = q.prefix));
END;
CREATE TRIGGER quota_repository_removed AFTER DELETE ON repository
BEGIN
    DELETE FROM quota_repository WHERE repository_id = old.id;
END;
CREATE TRIGGER quota_blob_added AFTER INSERT ON repository_blob
BEGIN
    UPDATE quota SET bytes_used = bytes_used + (SELECT size FROM blob WHERE digest = new.digest)
    WHERE id IN (SELECT quota_id FROM quota_repository WHERE repository_id = new.repository_id)
      AND NOT EXISTS (SELECT 1 FROM quota_blob b WHERE b.quota_id = quota.id AND b.digest = new.digest);
    INSERT INTO quota_blob (quota_id, digest, size, links)
    SELECT r.quota_id, new.digest, b.size, 1 FROM quota_repository r, blob b
    WHERE r.repository_id = new.repository_id AND b.digest = new.digest
    ON CONFLICT (quota_id, digest) DO UPDATE SET links = links + 1;
END;
CREATE TRIGGER quota_blob_removed AFTER DELETE ON repository_blob
BEGIN
    UPDATE quota_blob SET links = links - 1
    WHERE digest = old.digest
      AND quota_id IN (SELECT quota_id FROM quota_repository WHERE repository_id = old.repository_id);
    UPDATE quota SET bytes_used = bytes_used -
        (SELECT b.size FROM quota_blob b WHERE b.quota_id = quota.id AND b.digest = old.digest)
    WHERE id IN (SELECT r.quota_id FROM quota_repository r
                 JOIN quota_blob b ON b.quota_id = r.quota_id AND b.digest = old.digest AND b.links = 0
                 WHERE r.repository_id = old.repository_id);
    DELETE FROM quota_blob
    WHERE digest = old.digest AND links = 0
      AND quota_id IN (SELECT quota_id FROM quota_repository WHERE repository_id = old.repository_id);
END;
CREATE TRIGGER quota_manifest_added AFTER INSERT ON manifest
BEGIN
    UPDATE quota SET images_used = images_used + 1, bytes_used = bytes_used + new.size
    WHERE id IN (SELECT quota_id FROM quota_repository WHERE repository_id = new.repository_id);
END;
CREATE TRIGGER quota_manifest_removed AFTER DELETE ON manifest
BEGIN
    UPDATE quota SET images_used = images_used - 1, bytes_used = bytes_used - old.size
    WHERE id IN (SELECT quota_id FROM quota_repository WHERE repository_id = old.repository_id);
END;
