/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/lib/power.h - a disk whose power goes away. It stands in front of real files and knows what was synced:
 *   - bytes of a file count from its last sync; of each later write any of its 512-byte sectors may be there or not, in any order,
 *     and the file may already have its new length, with zeros where nothing arrived;
 *   - a name counts from the last sync of its folder; a later new name, or the absence of a removed one, may be there.
 * Blobs come through power_blob_sys, the database through an SQLite VFS that is the default one while a disk is attached. Both count
 * in `calls` what a cut may come before: all of the blob driver's calls; of SQLite's the syncs (of folders too), new files,
 * truncations and deletions, since a write alone is covered by the choice of what survives.
 * From call number cut_at on the disk is dead: every call fails and changes nothing. power_image() makes what may be found then.
 * Files that SQLite did not create (the empty database) are taken as durable when it first opens them. The index of the write-ahead
 * log (-shm) is memory and is never found. Only files below the attached folder are looked at.
 * Threads: shared freely, but for power_image() and power_done(). A test includes it and links storage/blob or storage/meta. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "storage/blob/blob_fs.h"

#define POWER_NODES_MAX 512
#define POWER_PATH_MAX  300

struct power_write {
    uint64_t number; /* of all writes to this disk */
    bool truncate;
    size_t offset, n;
    unsigned char *data;
    struct power_write *next;
};

/* A file: its bytes at its last sync, and what was written since. */
struct power_node {
    ino_t ino; /* 0: that number belongs to another file by now */
    bool folder;
    unsigned char *synced;
    size_t synced_n, synced_room, now_n;
    struct power_write *first, **last;
};

struct power_name {
    char path[POWER_PATH_MAX]; /* from the disk's folder */
    size_t node;
    bool durable; /* in the folder as it was synced last */
    bool present; /* in the folder now */
    bool made;    /* power_image() only */
};

struct power_disk {
    const char
        *blobs; /* folder of the blobs from the disk's folder, with its slash; "" if it is that */
    uint64_t cut_at;    /* 0: never */
    bool deaf;          /* syncs say that they succeeded and do nothing */
    uint64_t calls;     /* so far */
    uint64_t sql_syncs; /* of them */
    bool dead;
    pthread_mutex_t lock;
    uint64_t writes;
    struct power_node nodes[POWER_NODES_MAX];
    size_t nodes_n;
    struct power_name names[2 * POWER_NODES_MAX];
    size_t names_n;
};

struct power_disk *power_new(uint64_t cut_at);
void power_free(struct power_disk *d);
void power_cut(struct power_disk *d); /* now */

extern const struct blob_fs_sys power_blob_sys; /* its ctx is the disk */

/* SQLite's files below `folder` are this disk's from now on, until power_sqlite_detach(). */
void power_sqlite_attach(struct power_disk *d, const char *folder);
void power_sqlite_detach(void);

/* What may be found in a new folder `root`. Seed 0: nothing unsynced survived. 1: all of it. Other even ones: each sector and each name
 * by chance. Odd ones: writes up to some moment, names by chance. */
void power_image(struct power_disk *d, const char *root, uint32_t seed);

/* For power_sqlite.c: the caller holds the lock. */
bool power_tick(struct power_disk *d); /* counts; false: the disk is dead */
size_t power_node_new(struct power_disk *d, ino_t ino, bool folder);
void power_write(struct power_disk *d, size_t node, const void *data, size_t n, size_t offset);
void power_truncate(struct power_disk *d, size_t node, size_t size);
void power_sync(struct power_disk *d, size_t node);
void power_sync_folder(struct power_disk *d, const char *path); /* "" is the disk's own */
void power_name_set(struct power_disk *d, const char *path, size_t node);
void power_name_drop(struct power_disk *d, const char *path);
struct power_name *power_name_find(struct power_disk *d, const char *path); /* present, or NULL */
