/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/power.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define SECTOR 512

struct power_disk *power_new(uint64_t cut_at)
{
    struct power_disk *d = SW_NEW(struct power_disk);
    d->blobs = "";
    d->cut_at = cut_at;
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

static void forget_writes(struct power_node *n)
{
    while (n->first) {
        struct power_write *w = n->first;
        n->first = w->next;
        free(w->data);
        free(w);
    }
    n->last = &n->first;
}

void power_free(struct power_disk *d)
{
    for (size_t i = 0; i < d->nodes_n; i++) {
        forget_writes(&d->nodes[i]);
        free(d->nodes[i].synced);
    }
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void power_cut(struct power_disk *d)
{
    pthread_mutex_lock(&d->lock);
    d->dead = true;
    pthread_mutex_unlock(&d->lock);
}

bool power_tick(struct power_disk *d)
{
    if (!d->dead && ++d->calls == d->cut_at)
        d->dead = true;
    return !d->dead;
}

/* --- files ------------------------------------------------------------------------------------ */

size_t power_node_new(struct power_disk *d, ino_t ino, bool folder)
{
    for (size_t i = 0; i < d->nodes_n; i++)
        if (d->nodes[i].ino == ino)
            d->nodes[i].ino = 0;
    assert(d->nodes_n < POWER_NODES_MAX);
    struct power_node *n = &d->nodes[d->nodes_n];
    *n = (struct power_node){.ino = ino, .folder = folder, .last = &n->first};
    return d->nodes_n++;
}

static struct power_write *add_write(struct power_disk *d, size_t node)
{
    struct power_write *w = SW_NEW(struct power_write);
    w->number = d->writes++;
    *d->nodes[node].last = w;
    d->nodes[node].last = &w->next;
    return w;
}

void power_write(struct power_disk *d, size_t node, const void *data, size_t n, size_t offset)
{
    struct power_write *w = add_write(d, node);
    w->offset = offset;
    w->n = n;
    w->data = sw_malloc(n + 1);
    memcpy(w->data, data, n);
    d->nodes[node].now_n = SW_MAX(d->nodes[node].now_n, offset + n);
}

void power_truncate(struct power_disk *d, size_t node, size_t size)
{
    struct power_write *w = add_write(d, node);
    w->truncate = true;
    w->offset = size;
    d->nodes[node].now_n = size;
}

struct bytes {
    unsigned char *p;
    size_t n, room;
};

static void set_length(struct bytes *b, size_t n)
{
    if (n > b->room) {
        b->room = 2 * n;
        b->p = sw_realloc_array(b->p, b->room, 1);
    }
    if (n > b->n)
        memset(b->p + b->n, 0, n - b->n);
    b->n = n;
}

static void put(struct bytes *b, const struct power_write *w, size_t from, size_t n)
{
    if (w->offset + from + n > b->n)
        set_length(b, w->offset + from + n);
    memcpy(b->p + w->offset + from, w->data + from, n);
}

void power_sync(struct power_disk *d, size_t node)
{
    struct power_node *n = &d->nodes[node];
    struct bytes b = {n->synced, n->synced_n, n->synced_room};
    if (d->deaf)
        return;
    for (const struct power_write *w = n->first; w; w = w->next) {
        if (w->truncate)
            set_length(&b, w->offset);
        else
            put(&b, w, 0, w->n);
    }
    n->synced = b.p;
    n->synced_n = b.n;
    n->synced_room = b.room;
    forget_writes(n);
}

/* --- names ------------------------------------------------------------------------------------ */

void power_name_set(struct power_disk *d, const char *path, size_t node)
{
    struct power_name *n = NULL;
    for (size_t i = 0; i < d->names_n && !n; i++)
        if (d->names[i].node == node && strcmp(d->names[i].path, path) == 0)
            n = &d->names[i];
    if (!n) {
        assert(d->names_n < SW_ARRAY_LEN(d->names) && strlen(path) < POWER_PATH_MAX);
        n = &d->names[d->names_n++];
        *n = (struct power_name){.node = node};
        (void)snprintf(n->path, sizeof(n->path), "%s", path);
    }
    n->present = true;
}

void power_name_drop(struct power_disk *d, const char *path)
{
    for (size_t i = 0; i < d->names_n; i++)
        if (strcmp(d->names[i].path, path) == 0)
            d->names[i].present = false;
}

struct power_name *power_name_find(struct power_disk *d, const char *path)
{
    for (size_t i = 0; i < d->names_n; i++)
        if (d->names[i].present && strcmp(d->names[i].path, path) == 0)
            return &d->names[i];
    return NULL;
}

static bool is_in(const char *path, const char *folder)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    return strlen(folder) == n && strncmp(path, folder, n) == 0;
}

void power_sync_folder(struct power_disk *d, const char *path)
{
    for (size_t i = 0; i < d->names_n && !d->deaf; i++)
        if (is_in(d->names[i].path, path))
            d->names[i].durable = d->names[i].present;
}

/* --- what is found ------------------------------------------------------------------------------ */

struct chance {
    uint32_t seed, state;
    uint64_t until; /* number of the first write that did not survive, for odd seeds */
};

static uint32_t next(struct chance *c)
{
    c->state = c->state * 1664525u + 1013904223u;
    return c->state >> 16;
}

static bool survives(struct chance *c)
{
    return c->seed <= 1 ? c->seed == 1 : (next(c) & 1) != 0;
}

static bool write_survives(struct chance *c, const struct power_write *w)
{
    return c->seed > 1 && (c->seed & 1) ? w->number < c->until : survives(c);
}

static void put_sectors(struct bytes *b, const struct power_write *w, struct chance *c)
{
    for (size_t at = 0; at < w->n;) {
        size_t n = SW_MIN(w->n - at, SECTOR - (w->offset + at) % SECTOR);
        if (write_survives(c, w))
            put(b, w, at, n);
        at += n;
    }
}

static void make_file(const struct power_node *n, const char *path, struct chance *c)
{
    struct bytes b = {.p = NULL};
    set_length(&b, SW_MAX(n->now_n, n->synced_n) + 1);
    b.n = n->synced_n;
    if (n->synced_n)
        memcpy(b.p, n->synced, n->synced_n);
    for (const struct power_write *w = n->first; w; w = w->next) {
        if (!w->truncate)
            put_sectors(&b, w, c);
        else if (write_survives(c, w))
            set_length(&b, w->offset);
    }
    if (n->first && n->now_n > b.n && survives(c))
        set_length(&b, n->now_n);
    test_write_file(path, b.p, b.n);
    free(b.p);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool folder_exists(const char *root, const char *path)
{
    sw_autofree char *full = sw_asprintf("%s/%s", root, path);
    *strrchr(full, '/') = 0;
    return exists(full);
}

/* Another name of the same file that was made: it becomes a link, so that all of them show the same bytes. */
static const struct power_name *made_before(const struct power_disk *d, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (d->names[k].made && d->names[k].node == d->names[i].node)
            return &d->names[k];
    return NULL;
}

static void unmake(struct power_disk *d, const char *full, size_t i)
{
    CHECK(unlink(full) == 0);
    for (size_t k = 0; k < i; k++)
        if (strcmp(d->names[k].path, d->names[i].path) == 0)
            d->names[k].made = false;
}

static void make_name(struct power_disk *d, const char *root, size_t i, struct chance *c)
{
    struct power_name *n = &d->names[i];
    sw_autofree char *full = sw_asprintf("%s/%s", root, n->path);
    bool kept = n->durable == n->present ? n->durable : survives(c) == n->present;
    n->made = false;
    if (!kept || !folder_exists(root, n->path))
        return;
    n->made = true;
    if (d->nodes[n->node].folder) {
        CHECK(mkdir(full, 0700) == 0 || errno == EEXIST);
        return;
    }
    if (exists(full))
        unmake(d, full, i);
    const struct power_name *other = made_before(d, i);
    if (!other) {
        make_file(&d->nodes[n->node], full, c);
        return;
    }
    sw_autofree char *from = sw_asprintf("%s/%s", root, other->path);
    CHECK(link(from, full) == 0);
}

static uint64_t oldest_write(const struct power_disk *d)
{
    uint64_t oldest = d->writes;
    for (size_t i = 0; i < d->nodes_n; i++)
        if (d->nodes[i].first)
            oldest = SW_MIN(oldest, d->nodes[i].first->number);
    return oldest;
}

void power_image(struct power_disk *d, const char *root, uint32_t seed)
{
    struct chance c = {.seed = seed, .state = seed};
    uint64_t oldest = oldest_write(d);
    c.until = oldest + (d->writes > oldest ? next(&c) % (d->writes - oldest) : 0);
    CHECK(mkdir(root, 0700) == 0);
    if (*d->blobs) {
        sw_autofree char *blobs = sw_asprintf("%s/%s", root, d->blobs);
        CHECK(mkdir(blobs, 0700) == 0);
    }
    for (size_t i = 0; i < d->names_n; i++)
        make_name(d, root, i, &c);
}
