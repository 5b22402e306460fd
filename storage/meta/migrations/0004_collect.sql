-- SPDX-License-Identifier: Apache-2.0
-- What the next collection has to look at, so that it never looks at anything else. A row is only a hint: the collection
-- decides by the tables above, and takes the hint away when there is nothing to do. Triggers write them, so that no change can
-- forget to; rows that go by a foreign key's cascade fire them too.
CREATE TABLE collect_link (                    -- links that perhaps no manifest of their repository needs
    repository_id BIGINT NOT NULL,
    digest        TEXT NOT NULL,
    since         BIGINT NOT NULL,             -- linked, or last needed
    PRIMARY KEY (repository_id, digest)
);
CREATE TABLE collect_blob (                    -- blobs that perhaps no repository has any more
    digest TEXT PRIMARY KEY,
    since  BIGINT NOT NULL
);
CREATE TRIGGER repository_blob_added AFTER INSERT ON repository_blob
BEGIN
    INSERT INTO collect_link (repository_id, digest, since)
    VALUES (new.repository_id, new.digest, new.linked_at)
    ON CONFLICT (repository_id, digest) DO NOTHING;
END;
CREATE TRIGGER manifest_reference_removed AFTER DELETE ON manifest_reference
BEGIN
    INSERT INTO collect_link (repository_id, digest, since)
    VALUES (old.repository_id, old.child, CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))
    ON CONFLICT (repository_id, digest) DO UPDATE SET since = excluded.since;
END;
CREATE TRIGGER repository_blob_removed AFTER DELETE ON repository_blob
BEGIN
    INSERT INTO collect_blob (digest, since)
    VALUES (old.digest, CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))
    ON CONFLICT (digest) DO UPDATE SET since = excluded.since;
END;
INSERT INTO collect_link (repository_id, digest, since)
SELECT repository_id, digest, linked_at FROM repository_blob;
INSERT INTO collect_blob (digest, since)
SELECT digest, created_at FROM blob
WHERE NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = blob.digest);
