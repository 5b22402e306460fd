/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/limits.h - every maximum that a peer can run into, in one place. */
#define LIMIT_REQUEST_HEADERS  (64 * 1024)        /* request line and headers, bytes */
#define LIMIT_AWS_BODY         (8 * 1024 * 1024)  /* body of an AWS JSON call */
#define LIMIT_LAYER_PART_BODY  (28 * 1024 * 1024) /* of ECR's UploadLayerPart: 20 MiB as base64 */
#define LIMIT_AWS_BODY_UNKNOWN (64 * 1024)        /* the same, from a caller with no key of ours */
#define LIMIT_AWS_DEPTH        32                 /* nesting of an AWS JSON call */
#define LIMIT_AWS_VALUES       100000             /* values in an AWS JSON call */
#define LIMIT_MANIFEST \
    (4 * 1024 * 1024)               /* manifest or index, bytes (registry-wide; ECR's number) */
#define LIMIT_ECR_POLICY_TEXT 10240 /* repository and registry policies, characters */
#define LIMIT_BATCH_MANIFESTS (64 * 1024 * 1024) /* of all images of one BatchGetImage, bytes */
#define LIMIT_MANIFEST_DEPTH  32
#define LIMIT_MANIFEST_VALUES 100000 /* JSON values; 10,000 children with platform have 70,000 */
#define LIMIT_MANIFEST_LARGE \
    (64 * 1024) /* bytes; of larger ones a few at once are in memory as values */
#define LIMIT_MANIFEST_DESCRIPTORS 10000             /* layers or children of one manifest */
#define LIMIT_IMAGE_CONFIG         (4 * 1024 * 1024) /* image configuration read by the launcher */
#define LIMIT_TOKEN                8192 /* Authorization header value that is looked at */
#define LIMIT_REFUSED_BODY_DRAIN \
    (1024 * 1024) /* of a refused upload that is read to keep the connection */
#define LIMIT_UPLOADS_PER_PRINCIPAL 1000
#define LIMIT_LAYER_RATIO           1000 /* unpacked : compressed bytes of a layer, beyond 16 MiB */
#define LIMIT_LAYER_UNPACKED        (64LL * 1024 * 1024 * 1024)
#define LIMIT_LAYER_ENTRIES         5000000
#define LIMIT_PASSWD_FILE           (8 * 1024 * 1024) /* /etc/passwd and /etc/group of an image */
#define LIMIT_LOG_CHUNK             (1024 * 1024)     /* one answer with container logs */
#define LIMIT_POLICY_TEXT           (8 * 1024 * 1024) /* a policy document, bytes */
#define LIMIT_POLICY_DEPTH          16      /* nesting of a policy document, or of a file of them */
#define LIMIT_POLICY_TOKENS         1000000 /* strings, brackets, values in a document */
#define LIMIT_POLICY_FILE           (1024 * 1024) /* one policy file, bytes */
#define LIMIT_POLICY_STATEMENTS     50000
