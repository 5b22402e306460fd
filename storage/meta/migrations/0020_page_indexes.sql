-- SPDX-License-Identifier: Apache-2.0
-- Pages of lists in their order: the tags of an image by name, the referrers of a subject by digest. With the indexes that these
-- replace a page was found by reading all tags, or all manifests, of its repository.
CREATE INDEX tag_digest_name ON tag (repository_id, digest, name);
DROP INDEX tag_digest;
CREATE INDEX manifest_subject_digest ON manifest (repository_id, subject, digest) WHERE subject IS NOT NULL;
DROP INDEX manifest_subject;
