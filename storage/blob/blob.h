/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/blob/blob.h - immutable byte strings, and the uploads that become them.
 * Owns: bytes only. Knows neither repositories nor tags nor HTTP; which key holds a digest is
 * metadata's business.
 * Promise: after blob_writer_commit() returned 0 the bytes survive a crash and power loss; a reader
 * never sees a partial or wrong blob. An upload that was suspended survives a restart with the
 * bytes it had acknowledged.
 * Threads: a store is shared freely; one writer belongs to one thread at a time.
 * Expected errors: SW_ENOTFOUND, SW_EMISMATCH (reason "DIGEST_INVALID"), SW_ELIMIT ("DiskFull",
 * "SIZE_INVALID"), SW_ECONFLICT (an upload has one writer). Anything else is SW_EIO.
 *
 * Layers: drivers implement struct blob_ops and stay dumb; this generic layer hashes, verifies,
 * limits and counts. blob_fault_wrap (tests) has the same vtable. Keys are opaque, printable, at
 * most BLOB_KEY_MAX - 1 bytes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"

#define BLOB_KEY_MAX       200
#define BLOB_UPLOAD_ID_LEN 32 /* hex digits; unguessable */

struct blob_info {
    struct digest digest;
    uint64_t size;
    char key[BLOB_KEY_MAX];
};

struct blob_upload_info {
    char id[BLOB_UPLOAD_ID_LEN + 1];
    uint64_t size;
    int64_t modified_at_us;
};

/* Driver vtable. `state` of a writer is the driver's own. NULL slots are not allowed. Ids and keys
 * may come from anywhere: a driver answers SW_ENOTFOUND to one that it cannot have made. */
struct blob_ops {
    const char *name;
    int (*stat)(void *drv, const char *key, uint64_t *ret_size, struct sw_err *err);
    /* A readable descriptor positioned anywhere; the caller closes it. (A driver without files
     * streams instead: later.) */
    int (*open)(void *drv, const char *key, int *ret_fd, uint64_t *ret_size, struct sw_err *err);
    int (*upload_open)(void *drv, const char *id, bool create, void **ret_state, uint64_t *ret_size,
                       struct sw_err *err);
    /* From any thread, one at a time. Most of a large upload comes in pieces of 1 MiB that lie on pages of memory as they will lie
     * on pages of the upload. */
    int (*upload_append)(void *state, const void *data, size_t n, struct sw_err *err);
    /* Bytes that were appended; fewer than cap only at the end. May run beside upload_append, from
     * another thread. */
    int (*upload_read)(void *state, uint64_t offset, void *out, size_t cap, size_t *ret_n,
                       struct sw_err *err);
    int (*upload_truncate)(void *state, uint64_t size, struct sw_err *err);
    /* Durable, then visible under a key of the driver's choice. If the digest is stored already the
     * first one wins. */
    int (*upload_commit)(void *state, const struct digest *d, char ret_key[BLOB_KEY_MAX],
                         struct sw_err *err);
    /* Keeps the bytes for a later upload_open; after commit or cancel only frees. */
    void (*upload_close)(void *state);
    int (*upload_cancel)(void *state, struct sw_err *err);
    int (*remove)(void *drv, const char *key, struct sw_err *err); /* a missing one is fine */
    /* Takes the blob out of the store but keeps its bytes where an operator finds them. */
    int (*quarantine)(void *drv, const char *key, struct sw_err *err);
    /* Calls fn for every stored key (uploads: for every open one); stops when fn returns non-zero
     * and returns that. */
    int (*list)(void *drv,
                int (*fn)(void *ctx, const char *key, uint64_t size, int64_t modified_at_us),
                void *ctx, struct sw_err *err);
    int (*list_uploads)(void *drv, int (*fn)(void *ctx, const struct blob_upload_info *u),
                        void *ctx, struct sw_err *err);
    void (*free)(void *drv);
};

struct blob_store;
struct blob_store *blob_store_new(const struct blob_ops *ops, void *drv); /* takes drv */
void blob_store_free(struct blob_store *s);                               /* NULL ok */

/* Files under `dir` (created 0700): blobs/<algorithm>/<2 hex>/<hex>, uploads/<id>. */
int blob_fs_open(const char *dir, struct blob_store **ret, struct sw_err *err);

int blob_stat(struct blob_store *s, const char *key, uint64_t *ret_size, struct sw_err *err);
int blob_open(struct blob_store *s, const char *key, int *ret_fd, uint64_t *ret_size,
              struct sw_err *err);
/* The whole blob into memory, verified against `expect`; for small ones. SW_ELIMIT beyond max (or
 * ret's own maximum).
 * SW_EMISMATCH here has no reason: what is stored is damaged, and that is no client's fault. */
struct sw_buf;
int blob_read(struct blob_store *s, const char *key, const struct digest *expect, size_t max,
              struct sw_buf *ret, struct sw_err *err);
int blob_remove(struct blob_store *s, const char *key, struct sw_err *err);
/* For a blob that is damaged: from now on it is not found, and its bytes lie in quarantine/ (fs). SW_ENOTFOUND. */
int blob_quarantine(struct blob_store *s, const char *key, struct sw_err *err);
int blob_list(struct blob_store *s,
              int (*fn)(void *ctx, const char *key, uint64_t size, int64_t modified_at_us),
              void *ctx, struct sw_err *err);
int blob_list_uploads(struct blob_store *s, int (*fn)(void *ctx, const struct blob_upload_info *u),
                      void *ctx, struct sw_err *err);
/* Gives back memory that uploads needed and no longer do; to be called now and then. */
void blob_trim(void);
/* Counted since the store was made; thread-safe. */
struct blob_stats {
    uint64_t bytes_received; /* appended to uploads */
    uint64_t commits;        /* blobs acknowledged */
    uint64_t opens;          /* blobs handed out for reading */
    uint64_t mismatches;     /* commits refused because of their digest */
};
void blob_stats(const struct blob_store *s, struct blob_stats *ret);

/* Driver of a store and its state: for wrappers. */
const struct blob_ops *blob_store_ops(const struct blob_store *s);
void *blob_store_driver(const struct blob_store *s);

/* Writer: appends, hashing with `hint` as bytes arrive. A commit under the other algorithm reads
 * the bytes again.
 * Errors are sticky: after a failed append every later call fails the same way, and commit never
 * succeeds. */
struct blob_writer;
/* New upload with a fresh id. */
int blob_writer_begin(struct blob_store *s, enum digest_algorithm hint, struct blob_writer **ret,
                      struct sw_err *err);
/* An upload that exists on disk, e.g. after a restart: its bytes are read again for the hash, at
 * the latest by the commit. SW_ENOTFOUND; SW_ECONFLICT while another writer has it. */
int blob_writer_resume(struct blob_store *s, const char *id, enum digest_algorithm hint,
                       struct blob_writer **ret, struct sw_err *err);
const char *blob_writer_id(const struct blob_writer *w);
uint64_t blob_writer_size(const struct blob_writer *w);
int blob_writer_append(struct blob_writer *w, const void *data, size_t n, struct sw_err *err);
/* What was appended may still be in memory, and a lost connection or process would lose it: after this the driver has it. Call it
 * before a client is told how much arrived. Waits for the disk. */
int blob_writer_flush(struct blob_writer *w, struct sw_err *err);
/* Drops the bytes from `size` on (a refused chunk). */
int blob_writer_truncate(struct blob_writer *w, uint64_t size, struct sw_err *err);
/* Verifies against `expect` (SW_EMISMATCH, DIGEST_INVALID: the upload stays as it was), then makes
 * it durable and visible.
 * On success *ret is filled and the writer is spent: only blob_writer_free is allowed. Any failure
 * but a mismatch is sticky. A sync that failed also drops the upload: what the disk holds of it is
 * unknown. */
int blob_writer_commit(struct blob_writer *w, const struct digest *expect, struct blob_info *ret,
                       struct sw_err *err);
/* Removes the bytes; only blob_writer_free is allowed afterwards, also when it failed. */
int blob_writer_cancel(struct blob_writer *w, struct sw_err *err);
/* NULL ok. Keeps the bytes of an upload that was neither committed nor cancelled. */
void blob_writer_free(struct blob_writer *w);
/* Removes an upload by id. A missing one is fine; SW_ECONFLICT while a writer has it. */
int blob_upload_remove(struct blob_store *s, const char *id, struct sw_err *err);
