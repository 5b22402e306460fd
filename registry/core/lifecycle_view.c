/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/lifecycle_view.c - images by digest, so that everything else finds them by bisection. */
#include "registry/core/lifecycle_view.h"

#include "base/alloc.h"
#include "registry/core/manifest_parse.h"

#define HOLDERS_MAX 100 /* named for one image; one is enough to hold it */

void snapshot_done(struct snapshot *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct lifecycle_image *image = &s->images[i];
        for (size_t k = 0; k < image->tags_n; k++)
            free((void *)image->tags[k]);
        free((void *)image->tags);
        free((void *)image->digest);
        for (size_t k = 0; k < s->uses[i].n; k++)
            free(s->uses[i].holders[k]);
        free(s->uses[i].holders);
    }
    free(s->images);
    free(s->uses);
    free(s->edges);
    free(s->policy);
    *s = (struct snapshot){0};
}

size_t snapshot_find(const struct snapshot *s, const char *digest)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcmp(s->images[mid].digest, digest);
        if (c == 0)
            return mid;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return s->n;
}

static void add_edge(struct snapshot *s, size_t keeper, size_t kept, bool child)
{
    if (keeper == s->n || kept == s->n || keeper == kept)
        return;
    if (s->edges_n == s->edges_cap) {
        s->edges_cap = s->edges_cap ? s->edges_cap * 2 : 256;
        s->edges = sw_realloc_array(s->edges, s->edges_cap, sizeof(*s->edges));
    }
    s->edges[s->edges_n++] = (struct lifecycle_edge){(uint32_t)keeper, (uint32_t)kept, child};
}

static int read_images(struct meta_tx *tx, const struct repo *repo, struct snapshot *s,
                       struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT m.digest, m.pushed_at, COALESCE(p.pulled_at, 0) FROM manifest m "
                       "LEFT JOIN manifest_pull p ON p.repository_id = m.repository_id "
                       "AND p.digest = m.digest WHERE m.repository_id = $1 ORDER BY m.digest",
                       "i", repo->id);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        if (s->n == UINT32_MAX - 1)
            return sw_fail(err, SW_ELIMIT, NULL, "too many images in one repository");
        if (s->n == s->images_cap) {
            s->images_cap = s->images_cap ? s->images_cap * 2 : 256;
            s->images = sw_realloc_array(s->images, s->images_cap, sizeof(*s->images));
            s->uses = sw_realloc_array(s->uses, s->images_cap, sizeof(*s->uses));
        }
        s->uses[s->n] = (struct snapshot_uses){0};
        s->images[s->n++] = (struct lifecycle_image){.digest = meta_dup(st, 0),
                                                     .pushed_at_us = meta_int(st, 1),
                                                     .pulled_at_us = meta_int(st, 2)};
    }
    return r;
}

/* A tag that points to a subject which is here makes the image its referrer, as `subject` does. */
static void add_tag(struct snapshot *s, size_t i, char *tag)
{
    struct lifecycle_image *image = &s->images[i];
    char digest[LIFECYCLE_SUBJECT_MAX];
    size_t subject = lifecycle_tag_subject(tag, digest) ? snapshot_find(s, digest) : s->n;
    char **tags = (char **)image->tags;
    tags = sw_realloc_array(tags, image->tags_n + 1, sizeof(*tags));
    tags[image->tags_n++] = tag;
    image->tags = (const char *const *)tags;
    if (subject == s->n || subject == i)
        image->named = true;
    else
        add_edge(s, subject, i, false);
}

static int read_tags(struct meta_tx *tx, const struct repo *repo, struct snapshot *s,
                     struct sw_err *err)
{
    meta_autostmt *st = NULL;
    size_t i = 0;
    int r = meta_query(
        tx, err, &st, "SELECT digest, name FROM tag WHERE repository_id = $1 ORDER BY digest, name",
        "i", repo->id);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct sw_str digest = meta_str(st, 0);
        while (i < s->n && !sw_str_eq_z(digest, s->images[i].digest))
            i++;
        if (i == s->n)
            return sw_fail(err, SW_EINTERNAL, NULL, "a tag without an image");
        add_tag(s, i, meta_dup(st, 1));
    }
    return r;
}

static int read_edges(struct meta_tx *tx, const struct repo *repo, struct snapshot *s, bool child,
                      const char *sql, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st, sql, "i", repo->id);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        char keeper[DIGEST_STRING_MAX], kept[DIGEST_STRING_MAX];
        if (sw_str_copy(meta_str(st, 0), keeper, sizeof(keeper)) &&
            sw_str_copy(meta_str(st, 1), kept, sizeof(kept)))
            add_edge(s, snapshot_find(s, keeper), snapshot_find(s, kept), child);
    }
    return r;
}

static const char children_sql[] =
    "SELECT f.parent, f.child FROM manifest m JOIN manifest_reference f "
    "ON f.repository_id = m.repository_id AND f.parent = m.digest "
    "WHERE m.repository_id = $1 AND m.media_type IN ('" MEDIA_OCI_INDEX "', '" MEDIA_DOCKER_LIST
    "') AND f.kind = 'manifest'";
static const char referrers_sql[] =
    "SELECT subject, digest FROM manifest WHERE repository_id = $1 AND subject IS NOT NULL";

/* --- who uses them ---------------------------------------------------------------------------- */

struct tag_ref {
    const char *tag;
    size_t image;
};

struct uses {
    struct snapshot *s;
    const struct repo *repo;
    struct tag_ref *tags; /* by tag */
    size_t tags_n;
};

static int by_tag(const void *a, const void *b)
{
    return strcmp(((const struct tag_ref *)a)->tag, ((const struct tag_ref *)b)->tag);
}

static void index_tags(struct uses *u)
{
    size_t n = 0;
    for (size_t i = 0; i < u->s->n; i++)
        n += u->s->images[i].tags_n;
    u->tags = sw_calloc(n + 1, sizeof(*u->tags));
    for (size_t i = 0; i < u->s->n; i++)
        for (size_t k = 0; k < u->s->images[i].tags_n; k++)
            u->tags[u->tags_n++] = (struct tag_ref){u->s->images[i].tags[k], i};
    qsort(u->tags, n, sizeof(*u->tags), by_tag);
}

static int note_use(void *arg, const struct image_use *use)
{
    struct uses *u = arg;
    size_t i = u->s->n;
    if (!sw_streq(use->repository, u->repo->name) || !sw_streq(use->account, u->repo->account) ||
        !sw_streq(use->region, u->repo->region))
        return 0;
    if (use->digest) {
        i = snapshot_find(u->s, use->digest);
    } else {
        struct tag_ref want = {.tag = use->tag};
        const struct tag_ref *found = bsearch(&want, u->tags, u->tags_n, sizeof(*u->tags), by_tag);
        i = found ? found->image : i;
    }
    if (i == u->s->n)
        return 0;
    struct snapshot_uses *list = &u->s->uses[i];
    u->s->images[i].held = true;
    if (list->n == HOLDERS_MAX)
        return 0;
    for (size_t k = 0; k < list->n; k++)
        if (sw_streq(list->holders[k], use->holder))
            return 0;
    list->holders = sw_realloc_array(list->holders, list->n + 1, sizeof(*list->holders));
    list->holders[list->n++] = sw_strdup(use->holder);
    return 0;
}

static int read_uses(struct meta_tx *tx, const struct registry *reg, const struct repo *repo,
                     struct snapshot *s, struct sw_err *err)
{
    const struct image_holders *h = &reg->lifecycle.holders;
    if (!h->each)
        return 0;
    struct uses u = {.s = s, .repo = repo};
    index_tags(&u);
    int r = h->each(h->ctx, tx, repo->account, repo->region, note_use, &u, err);
    free(u.tags);
    return r < 0 ? r : 0;
}

int snapshot_stamp(struct meta_tx *tx, const struct registry *reg, int64_t *ret, struct sw_err *err)
{
    const struct image_holders *h = &reg->lifecycle.holders;
    *ret = 0;
    return h->stamp ? h->stamp(h->ctx, tx, ret, err) : 0;
}

int snapshot_read(struct meta_tx *tx, const struct registry *reg, const struct repo *repo,
                  struct snapshot *s, struct sw_err *err)
{
    snapshot_done(s);
    int r =
        meta_get(tx, err, "SELECT policy, put_at FROM lifecycle_policy WHERE repository_id = $1",
                 "i", repo->id, "ti", &s->policy, &s->put_at);
    if (r >= 0)
        r = snapshot_stamp(tx, reg, &s->stamp, err);
    if (r >= 0)
        r = read_images(tx, repo, s, err);
    if (r >= 0)
        r = read_tags(tx, repo, s, err);
    if (r >= 0)
        r = read_edges(tx, repo, s, true, children_sql, err);
    if (r >= 0)
        r = read_edges(tx, repo, s, false, referrers_sql, err);
    return r < 0 ? r : read_uses(tx, reg, repo, s, err);
}
