/* SPDX-License-Identifier: Apache-2.0 */
/* An extra is a JSON object, deflated: {"p": policy, "a": [managed policies], "t": {tags}, "k": [transitive keys],
 * "s": source identity, "u": parent key}. Its id is the head of the SHA-256 of the packed form.
 * Invariants: 1. an extra never changes after it was compiled; readers hold a reference, so eviction frees nothing in use.
 * 2. The table holds at most `max` extras; the list is in order of use. */
#include "auth/session_extra.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "auth/directory.h"
#include "base/alloc.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/macros.h"

#define BUCKETS     512
#define TEXT_MAX    (64 * 1024) /* of an extra that is not packed */
#define RAW_DEFLATE (-15)

struct session_extra {
    int refs; /* atomic */
    unsigned char id[PRINCIPAL_POLICY_ID];
    struct sw_buf packed;
    json_t *doc;
    struct policy_document *policy;
    struct policy_key *keys;
    size_t keys_n;
    const char **values;                 /* one for each key */
    struct session_extra *next;          /* in its bucket */
    struct session_extra *newer, *older; /* in order of use */
};

struct session_extras {
    pthread_mutex_t lock;
    struct session_extra *buckets[BUCKETS];
    struct session_extra *newest, *oldest;
    size_t n, max;
};

/* ---- packing ---- */

static json_t *words(const char *const *v, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(v[i]));
    return list;
}

static json_t *document_of(const struct session_grant *g)
{
    json_t *doc = json_object();

    sw_json_set_str(doc, "p", g->policy);
    if (g->policy_arns_n)
        sw_json_set_new(doc, "a", words(g->policy_arns, g->policy_arns_n));
    if (g->tags_n) {
        json_t *tags = json_object();
        for (size_t i = 0; i < g->tags_n; i++)
            sw_json_set_str(tags, g->tags[i].key, g->tags[i].value);
        sw_json_set_new(doc, "t", tags);
    }
    if (g->transitive_n)
        sw_json_set_new(doc, "k", words(g->transitive, g->transitive_n));
    sw_json_set_str(doc, "s", g->source_identity);
    sw_json_set_str(doc, "u", g->parent_key_id);
    return doc;
}

/* 0 when it does not fit. */
static size_t deflate_into(const char *text, size_t n, unsigned char ret[SESSION_PACKED_MAX])
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)text,
                  .avail_in = (unsigned)n,
                  .next_out = ret,
                  .avail_out = SESSION_PACKED_MAX};

    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, RAW_DEFLATE, 9, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return 0;
    int state = deflate(&z, Z_FINISH);
    size_t made = SESSION_PACKED_MAX - z.avail_out;
    (void)deflateEnd(&z);
    return state == Z_STREAM_END ? made : 0;
}

static int check_policy(const char *text, struct sw_err *err)
{
    policy_autodoc struct policy_document *doc = NULL;

    return text ? policy_document_parse(sw_str(text), POLICY_TYPE_SESSION, &doc, NULL, err) : 0;
}

int session_extra_pack(const struct session_grant *g, unsigned char ret[SESSION_PACKED_MAX],
                       size_t *ret_n, int *ret_percent, struct sw_err *err)
{
    sw_autojson json_t *doc = document_of(g);
    bool counted = g->policy || g->policy_arns_n || g->tags_n;
    int r = check_policy(g->policy, err);

    *ret_n = 0;
    *ret_percent = 0;
    if (r < 0 || json_object_size(doc) == 0)
        return r;
    sw_autofree char *text = sw_json_dump(doc);
    size_t n = strlen(text);
    *ret_n = n < TEXT_MAX ? deflate_into(text, n, ret) : 0;
    if (*ret_n == 0)
        return sw_fail(err, SW_EINVALID, "PackedPolicyTooLarge",
                       "The session policies and tags together are larger than the maximum of %d "
                       "bytes once they are packed",
                       SESSION_PACKED_MAX);
    if (counted)
        *ret_percent = (int)((*ret_n * 100 + SESSION_PACKED_MAX - 1) / SESSION_PACKED_MAX);
    return 0;
}

void session_extra_id(const void *packed, size_t n, unsigned char ret[PRINCIPAL_POLICY_ID])
{
    unsigned char hash[32];

    memset(ret, 0, PRINCIPAL_POLICY_ID);
    if (n == 0)
        return;
    sw_sha256(packed, n, hash);
    memcpy(ret, hash, PRINCIPAL_POLICY_ID);
}

/* ---- compiling ---- */

void session_extra_unref(struct session_extra *x)
{
    if (!x || __atomic_sub_fetch(&x->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    policy_document_unref(x->policy);
    for (size_t i = 0; i < x->keys_n; i++)
        free((char *)(uintptr_t)x->keys[i].name);
    free(x->keys);
    free(x->values);
    json_decref(x->doc);
    sw_buf_done(&x->packed);
    free(x);
}

static struct session_extra *extra_ref(struct session_extra *x)
{
    if (x)
        (void)__atomic_add_fetch(&x->refs, 1, __ATOMIC_RELAXED);
    return x;
}

static bool unpack(const void *packed, size_t n, json_t **ret)
{
    sw_autofree char *text = sw_malloc(TEXT_MAX);
    struct sw_err ignored = SW_ERR_INIT;
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)packed,
                  .avail_in = (unsigned)n,
                  .next_out = (unsigned char *)text,
                  .avail_out = TEXT_MAX};

    if (n == 0) {
        *ret = json_object();
        return true;
    }
    if (inflateInit2(&z, RAW_DEFLATE) != Z_OK)
        return false;
    int state = inflate(&z, Z_FINISH);
    size_t made = TEXT_MAX - z.avail_out;
    (void)inflateEnd(&z);
    return state == Z_STREAM_END &&
           sw_json_load(sw_str_n(text, made), 4, 1000, NULL, ret, &ignored) == 0;
}

static void add_key(struct session_extra *x, char *name, const char *value)
{
    x->values[x->keys_n] = value;
    x->keys[x->keys_n] =
        (struct policy_key){.name = name, .values = &x->values[x->keys_n], .values_n = 1};
    x->keys_n++;
}

static void make_keys(struct session_extra *x)
{
    json_t *tags = sw_json_object(x->doc, "t"), *value;
    size_t room = json_object_size(tags) + 1;
    const char *source = sw_json_str(x->doc, "s", NULL), *key;

    x->keys = sw_calloc(room, sizeof(*x->keys));
    x->values = sw_calloc(room, sizeof(*x->values));
    json_object_foreach(tags, key, value)
        add_key(x, sw_asprintf("aws:PrincipalTag/%s", key), json_string_value(value));
    if (source)
        add_key(x, sw_strdup("aws:SourceIdentity"), source);
}

static struct session_extra *compile(const void *packed, size_t n)
{
    struct session_extra *x = SW_NEW(struct session_extra);
    struct sw_err ignored = SW_ERR_INIT;

    x->refs = 1;
    session_extra_id(packed, n, x->id);
    x->packed = (struct sw_buf)SW_BUF_INIT(SESSION_PACKED_MAX);
    (void)sw_buf_add(&x->packed, packed, n);
    const char *policy = NULL;
    bool ok = unpack(packed, n, &x->doc);
    if (ok) {
        make_keys(x);
        policy = sw_json_str(x->doc, "p", NULL);
    }
    if (ok && policy)
        ok = policy_document_parse(sw_str(policy), POLICY_TYPE_SESSION, &x->policy, NULL,
                                   &ignored) == 0;
    if (ok)
        return x;
    session_extra_unref(x);
    return NULL;
}

struct sw_str session_extra_packed(const struct session_extra *x)
{
    return sw_buf_str(&x->packed);
}

const char *session_extra_parent(const struct session_extra *x)
{
    return sw_json_str(x->doc, "u", NULL);
}

const char *session_extra_source_identity(const struct session_extra *x)
{
    return sw_json_str(x->doc, "s", NULL);
}

const json_t *session_extra_tags(const struct session_extra *x)
{
    return sw_json_object(x->doc, "t");
}

bool session_extra_is_transitive(const struct session_extra *x, const char *key)
{
    size_t i;
    json_t *word;

    json_array_foreach(sw_json_array(x->doc, "k"), i, word)
        if (strcasecmp(json_string_value(word), key) == 0)
            return true;
    return false;
}

const struct policy_key *session_extra_keys(const struct session_extra *x, size_t *ret_n)
{
    *ret_n = x->keys_n;
    return x->keys;
}

const struct policy_key *session_extra_key(const struct session_extra *x, const char *name)
{
    for (size_t i = 0; i < x->keys_n; i++)
        if (strcasecmp(x->keys[i].name, name) == 0)
            return &x->keys[i];
    return NULL;
}

/* ---- policies ---- */

static struct policy_document *managed(struct identity *id, const char *arn)
{
    directory_lock(id);
    const struct iam_entity *e = directory_by_arn(id, arn);
    const struct iam_version *v = e ? iam_default_version(e) : NULL;
    struct policy_document *doc = v ? policy_document_ref(v->doc) : NULL;
    directory_unlock(id);
    return doc;
}

void session_extra_policies(const struct session_extra *x, struct identity *id,
                            void (*fn)(void *ctx, const struct policy_attached *policies, size_t n),
                            void *fn_ctx)
{
    struct policy_attached list[1 + SESSION_ARNS_MAX];
    struct policy_document *held[SESSION_ARNS_MAX];
    size_t n = 0, held_n = 0, i;
    json_t *arn;

    if (x->policy)
        list[n++] = (struct policy_attached){
            .doc = x->policy, .name = "session policy", .kind = POLICY_FROM_SESSION};
    json_array_foreach(sw_json_array(x->doc, "a"), i, arn) {
        struct policy_document *doc =
            held_n < SESSION_ARNS_MAX ? managed(id, json_string_value(arn)) : NULL;
        if (!doc)
            continue;
        held[held_n++] = doc;
        list[n++] = (struct policy_attached){
            .doc = doc, .name = json_string_value(arn), .kind = POLICY_FROM_SESSION};
    }
    fn(fn_ctx, list, n);
    while (held_n > 0)
        policy_document_unref(held[--held_n]);
}

/* ---- the table ---- */

struct session_extras *session_extras_new(size_t max)
{
    struct session_extras *t = SW_NEW(struct session_extras);

    t->max = max;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void session_extras_free(struct session_extras *t)
{
    if (!t)
        return;
    for (struct session_extra *x = t->newest, *older; x; x = older) {
        older = x->older;
        session_extra_unref(x);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct session_extra **slot_of(struct session_extras *t,
                                      const unsigned char id[PRINCIPAL_POLICY_ID])
{
    struct session_extra **at = &t->buckets[(id[0] | id[1] << 8) % BUCKETS];

    while (*at && memcmp((*at)->id, id, PRINCIPAL_POLICY_ID) != 0)
        at = &(*at)->next;
    return at;
}

static void take_out(struct session_extras *t, struct session_extra *x)
{
    *(x->newer ? &x->newer->older : &t->newest) = x->older;
    *(x->older ? &x->older->newer : &t->oldest) = x->newer;
    x->newer = x->older = NULL;
}

static void put_first(struct session_extras *t, struct session_extra *x)
{
    x->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = x;
    t->newest = x;
}

static void forget_oldest(struct session_extras *t)
{
    struct session_extra *x = t->oldest, **at = slot_of(t, x->id);

    *at = x->next;
    take_out(t, x);
    t->n--;
    session_extra_unref(x);
}

struct session_extra *session_extras_find(struct session_extras *t,
                                          const unsigned char id[PRINCIPAL_POLICY_ID])
{
    (void)pthread_mutex_lock(&t->lock);
    struct session_extra *x = *slot_of(t, id);
    if (x) {
        take_out(t, x);
        put_first(t, x);
        (void)extra_ref(x);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return x;
}

/* Takes x; another thread may have been faster. */
static struct session_extra *keep(struct session_extras *t, struct session_extra *x)
{
    (void)pthread_mutex_lock(&t->lock);
    struct session_extra **at = slot_of(t, x->id), *there = *at;
    if (!there) {
        *at = x;
        put_first(t, x);
        if (++t->n > t->max)
            forget_oldest(t);
    }
    struct session_extra *kept = extra_ref(there ? there : x);
    (void)pthread_mutex_unlock(&t->lock);
    if (there)
        session_extra_unref(x);
    return kept;
}

struct session_extra *session_extras_intern(struct session_extras *t, const void *packed, size_t n)
{
    unsigned char id[PRINCIPAL_POLICY_ID];

    session_extra_id(packed, n, id);
    struct session_extra *x = session_extras_find(t, id);
    if (!x && (x = compile(packed, n)) != NULL)
        x = keep(t, x);
    return x;
}
