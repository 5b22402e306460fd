/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_entity.c - one object of the directory: its parts, its limits, its copy. Lists are kept sorted, so that what is
 * listed needs no sorting and what is compared is found by name. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/macros.h"

#define PATH_MAX_CHARS  512
#define DESCRIPTION_MAX 1000

static const char *const kind_names[IAM_KIND_MAX_] = {
    [IAM_USER] = "user",
    [IAM_GROUP] = "group",
    [IAM_ROLE] = "role",
    [IAM_POLICY] = "policy",
    [IAM_PROFILE] = "instance-profile",
    [IAM_PROVIDER] = "oidc-provider",
};

/* As IAM's sentences begin with them. */
static const char *const kind_words[IAM_KIND_MAX_] = {
    [IAM_USER] = "User",
    [IAM_GROUP] = "Group",
    [IAM_ROLE] = "Role",
    [IAM_POLICY] = "Policy",
    [IAM_PROFILE] = "Instance Profile",
    [IAM_PROVIDER] = "OpenIDConnect Provider",
};

static const char *const id_prefixes[IAM_KIND_MAX_] = {
    [IAM_USER] = "AIDA",   [IAM_GROUP] = "AGPA",   [IAM_ROLE] = "AROA",
    [IAM_POLICY] = "ANPA", [IAM_PROFILE] = "AIPA", [IAM_PROVIDER] = "AOPA",
};

const char *iam_kind_to_string(enum iam_kind k)
{
    assert((unsigned)k < IAM_KIND_MAX_);
    return kind_names[k];
}

bool iam_kind_from_string(const char *s, enum iam_kind *ret)
{
    for (unsigned i = 0; i < IAM_KIND_MAX_; i++) {
        if (sw_streq(s, kind_names[i])) {
            *ret = (enum iam_kind)i;
            return true;
        }
    }
    return false;
}

const char *entity_display(enum iam_kind kind)
{
    return kind_words[kind];
}

/* ---- lists ---- */

static int word_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool iam_words_has(const struct iam_words *w, const char *word)
{
    return w->n && bsearch(&word, w->v, w->n, sizeof(*w->v), word_cmp);
}

bool words_add(struct iam_words *w, const char *word)
{
    if (iam_words_has(w, word))
        return false;
    w->v = sw_realloc_array(w->v, w->n + 1, sizeof(*w->v));
    w->v[w->n++] = sw_strdup(word);
    qsort(w->v, w->n, sizeof(*w->v), word_cmp);
    return true;
}

bool words_remove(struct iam_words *w, const char *word)
{
    for (size_t i = 0; i < w->n; i++) {
        if (strcmp(w->v[i], word) == 0) {
            free(w->v[i]);
            memmove(&w->v[i], &w->v[i + 1], (w->n - i - 1) * sizeof(*w->v));
            w->n--;
            return true;
        }
    }
    return false;
}

void words_clear(struct iam_words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->v[i]);
    free(w->v);
    *w = (struct iam_words){0};
}

static void words_copy(struct iam_words *to, const struct iam_words *from)
{
    to->n = from->n;
    to->v = from->n ? sw_calloc(from->n, sizeof(*to->v)) : NULL;
    for (size_t i = 0; i < from->n; i++)
        to->v[i] = sw_strdup(from->v[i]);
}

void entity_set_str(char **slot, const char *value)
{
    char *copy = sw_strdup_or_null(value);
    free(*slot);
    *slot = copy;
}

void entity_put_tag(struct iam_entity *e, const char *key, const char *value)
{
    size_t at = 0;

    while (at < e->tags_n && strcmp(e->tags[at].key, key) < 0)
        at++;
    if (at < e->tags_n && strcmp(e->tags[at].key, key) == 0) {
        entity_set_str(&e->tags[at].value, value);
        return;
    }
    e->tags = sw_realloc_array(e->tags, e->tags_n + 1, sizeof(*e->tags));
    memmove(&e->tags[at + 1], &e->tags[at], (e->tags_n - at) * sizeof(*e->tags));
    e->tags[at] = (struct iam_tag){sw_strdup(key), sw_strdup(value)};
    e->tags_n++;
}

void entity_remove_tag(struct iam_entity *e, const char *key)
{
    for (size_t i = 0; i < e->tags_n; i++) {
        if (strcmp(e->tags[i].key, key) != 0)
            continue;
        free(e->tags[i].key);
        free(e->tags[i].value);
        memmove(&e->tags[i], &e->tags[i + 1], (e->tags_n - i - 1) * sizeof(*e->tags));
        e->tags_n--;
        return;
    }
}

void entity_put_inline(struct iam_entity *e, const char *name, const char *text,
                       struct policy_document *doc)
{
    size_t at = 0;

    while (at < e->inlines_n && strcmp(e->inlines[at].name, name) < 0)
        at++;
    if (at < e->inlines_n && strcmp(e->inlines[at].name, name) == 0) {
        entity_set_str(&e->inlines[at].text, text);
        policy_document_unref(e->inlines[at].doc);
        e->inlines[at].doc = doc;
        return;
    }
    e->inlines = sw_realloc_array(e->inlines, e->inlines_n + 1, sizeof(*e->inlines));
    memmove(&e->inlines[at + 1], &e->inlines[at], (e->inlines_n - at) * sizeof(*e->inlines));
    e->inlines[at] = (struct iam_inline){sw_strdup(name), sw_strdup(text), doc};
    e->inlines_n++;
}

void entity_put_version(struct iam_entity *e, int64_t number, const char *text,
                        struct policy_document *doc, int64_t created_at_us)
{
    e->versions = sw_realloc_array(e->versions, e->versions_n + 1, sizeof(*e->versions));
    e->versions[e->versions_n++] =
        (struct iam_version){number, sw_strdup(text), doc, created_at_us};
}

const struct iam_version *iam_version_of(const struct iam_entity *e, int64_t number)
{
    for (size_t i = 0; i < e->versions_n; i++)
        if (e->versions[i].number == number)
            return &e->versions[i];
    return NULL;
}

const struct iam_version *iam_default_version(const struct iam_entity *e)
{
    return iam_version_of(e, e->default_version);
}

const struct iam_inline *iam_inline_of(const struct iam_entity *e, const char *name)
{
    for (size_t i = 0; i < e->inlines_n; i++)
        if (strcmp(e->inlines[i].name, name) == 0)
            return &e->inlines[i];
    return NULL;
}

/* ---- copying ---- */

static void copy_lists(struct iam_entity *c, const struct iam_entity *e)
{
    c->tags = NULL;
    c->inlines = NULL;
    c->versions = NULL;
    c->tags_n = c->inlines_n = c->versions_n = 0;
    for (size_t i = 0; i < e->tags_n; i++)
        entity_put_tag(c, e->tags[i].key, e->tags[i].value);
    for (size_t i = 0; i < e->inlines_n; i++)
        entity_put_inline(c, e->inlines[i].name, e->inlines[i].text,
                          policy_document_ref(e->inlines[i].doc));
    for (size_t i = 0; i < e->versions_n; i++)
        entity_put_version(c, e->versions[i].number, e->versions[i].text,
                           policy_document_ref(e->versions[i].doc), e->versions[i].created_at_us);
    words_copy(&c->policies, &e->policies);
    words_copy(&c->groups, &e->groups);
    words_copy(&c->roles, &e->roles);
    words_copy(&c->clients, &e->clients);
    words_copy(&c->thumbprints, &e->thumbprints);
}

struct iam_entity *entity_clone(const struct iam_entity *e)
{
    struct iam_entity *c = SW_NEW(struct iam_entity);

    *c = *e;
    c->name = sw_strdup(e->name);
    c->path = sw_strdup(e->path);
    c->arn = sw_strdup(e->arn);
    c->description = sw_strdup_or_null(e->description);
    c->origin = sw_strdup_or_null(e->origin);
    c->boundary = sw_strdup_or_null(e->boundary);
    c->trust = sw_strdup_or_null(e->trust);
    c->trust_doc = policy_document_ref(e->trust_doc);
    c->jwks = sw_strdup_or_null(e->jwks);
    c->view = NULL;
    c->view_at = 0;
    copy_lists(c, e);
    return c;
}

static void free_lists(struct iam_entity *e)
{
    while (e->tags_n)
        entity_remove_tag(e, e->tags[e->tags_n - 1].key);
    free(e->tags);
    for (size_t i = 0; i < e->inlines_n; i++) {
        free(e->inlines[i].name);
        free(e->inlines[i].text);
        policy_document_unref(e->inlines[i].doc);
    }
    free(e->inlines);
    for (size_t i = 0; i < e->versions_n; i++) {
        free(e->versions[i].text);
        policy_document_unref(e->versions[i].doc);
    }
    free(e->versions);
    words_clear(&e->policies);
    words_clear(&e->groups);
    words_clear(&e->roles);
    words_clear(&e->clients);
    words_clear(&e->thumbprints);
}

void entity_free(struct iam_entity *e)
{
    if (!e)
        return;
    free_lists(e);
    directory_view_unref(e->view);
    policy_document_unref(e->trust_doc);
    free(e->trust);
    free(e->jwks);
    free(e->boundary);
    free(e->origin);
    free(e->description);
    free(e->arn);
    free(e->path);
    free(e->name);
    free(e);
}

void entity_set_arn(struct iam_entity *e)
{
    free(e->arn);
    e->arn =
        sw_asprintf("arn:aws:iam::%s:%s%s%s", e->account, kind_names[e->kind], e->path, e->name);
}

/* ---- checks ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int check_url(const char *name, struct sw_err *err)
{
    size_t n = strlen(name);

    if (n < 1 || n > 247)
        return sw_fail(err, SW_EINVALID, "InvalidInput",
                       "The URL of a provider has 1 to 255 characters.");
    for (const char *c = name; *c; c++)
        if (!is_word(*c) && !strchr("-.~:/%@!$&'()*+,;=", *c))
            return sw_fail(err, SW_EINVALID, "InvalidInput",
                           "The URL of a provider holds a character that it may not.");
    return 0;
}

int entity_check_name(enum iam_kind kind, const char *name, struct sw_err *err)
{
    size_t n = strlen(name), max = kind == IAM_USER || kind == IAM_ROLE ? 64 : 128;

    if (kind == IAM_PROVIDER)
        return check_url(name, err);
    if (n == 0 || n > max)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "The name of a %s has 1 to %zu characters, not %zu.", kind_names[kind], max,
                       n);
    for (const char *c = name; *c; c++)
        if (!is_word(*c) && !strchr("+=,.@-", *c))
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "The name of a %s may hold letters, digits and any of +=,.@_- only.",
                           kind_names[kind]);
    return 0;
}

int entity_check_path(const char *path, struct sw_err *err)
{
    size_t n = strlen(path);

    if (n < 1 || n > PATH_MAX_CHARS || path[0] != '/' || path[n - 1] != '/')
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "The specified value for path is invalid. It must begin and end with / and "
                       "have 1 to %d characters.",
                       PATH_MAX_CHARS);
    for (const char *c = path; *c; c++)
        if (*c < '!' || *c > '~')
            return sw_fail(
                err, SW_EINVALID, "ValidationError",
                "The specified value for path is invalid. It must contain only printable "
                "ASCII characters.");
    return 0;
}

int entity_check_description(const char *text, struct sw_err *err)
{
    size_t n = 0;

    for (const char *c = text; *c; c++)
        n += ((unsigned char)*c & 0xc0) != 0x80;
    if (n > DESCRIPTION_MAX)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "A description has at most %d characters.", DESCRIPTION_MAX);
    return 0;
}

static int inline_limit(enum iam_kind kind)
{
    return kind == IAM_USER    ? IAM_INLINE_USER
           : kind == IAM_GROUP ? IAM_INLINE_GROUP
                               : IAM_INLINE_ROLE;
}

int entity_set_inline(struct iam_entity *e, const char *name, const char *text,
                      struct policy_position *ret_where, struct sw_err *err)
{
    struct policy_document *doc = NULL;
    size_t size = policy_text_size(sw_str(text));
    int r = entity_check_name(IAM_POLICY, name, err);

    for (size_t i = 0; i < e->inlines_n; i++)
        if (strcmp(e->inlines[i].name, name) != 0)
            size += policy_text_size(sw_str(e->inlines[i].text));
    if (r == 0 && size > (size_t)inline_limit(e->kind))
        r = sw_fail(err, SW_ELIMIT, "LimitExceeded",
                    "Maximum policy size of %d bytes exceeded for %s %s", inline_limit(e->kind),
                    kind_names[e->kind], e->name);
    if (r == 0)
        r = policy_document_parse(sw_str(text), POLICY_TYPE_IDENTITY, &doc, ret_where, err);
    if (r == 0)
        entity_put_inline(e, name, text, doc);
    return r;
}

int entity_set_trust(struct iam_entity *e, const char *text, struct policy_position *ret_where,
                     struct sw_err *err)
{
    struct policy_document *doc = NULL;

    if (policy_text_size(sw_str(text)) > IAM_TRUST_SIZE)
        return sw_fail(err, SW_ELIMIT, "LimitExceeded",
                       "Cannot exceed quota for ACLSizePerRole: %d", IAM_TRUST_SIZE);
    int r = policy_document_parse(sw_str(text), POLICY_TYPE_TRUST, &doc, ret_where, err);
    if (r < 0)
        return r;
    policy_document_unref(e->trust_doc);
    e->trust_doc = doc;
    entity_set_str(&e->trust, text);
    return 0;
}

int entity_add_version(struct iam_entity *e, const char *text, bool set_default, int64_t now_us,
                       struct policy_position *ret_where, struct sw_err *err)
{
    struct policy_document *doc = NULL;

    if (policy_text_size(sw_str(text)) > IAM_MANAGED_SIZE)
        return sw_fail(err, SW_ELIMIT, "LimitExceeded", "Cannot exceed quota for PolicySize: %d",
                       IAM_MANAGED_SIZE);
    if (e->versions_n >= IAM_VERSIONS_MAX)
        return sw_fail(err, SW_ELIMIT, "LimitExceeded",
                       "A managed policy can have up to %d versions. Before you create a new "
                       "version, you must delete an existing version.",
                       IAM_VERSIONS_MAX);
    int r = policy_document_parse(sw_str(text), POLICY_TYPE_IDENTITY, &doc, ret_where, err);
    if (r < 0)
        return r;
    entity_put_version(e, e->next_version, text, doc, now_us);
    if (set_default)
        e->default_version = e->next_version;
    e->next_version++;
    e->changed_at_us = now_us;
    return 0;
}

int entity_set_session(struct iam_entity *e, int64_t max_session_s, struct sw_err *err)
{
    if (max_session_s < IAM_SESSION_MIN_S || max_session_s > IAM_SESSION_MAX_S)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "MaxSessionDuration must be %d to %d seconds.", IAM_SESSION_MIN_S,
                       IAM_SESSION_MAX_S);
    e->max_session_s = max_session_s;
    return 0;
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

int entity_set_tags(struct iam_entity *e, const struct iam_tag *tags, size_t n, struct sw_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (characters(tags[i].key) < 1 || characters(tags[i].key) > 128 ||
            characters(tags[i].value) > 256)
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "A tag's key has 1 to 128 characters and its value at most 256.");
        if (strncasecmp(tags[i].key, "aws:", 4) == 0)
            return sw_fail(err, SW_EINVALID, "InvalidInput",
                           "Tag keys that begin with aws: are reserved.");
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(tags[i].key, tags[j].key) == 0)
                return sw_fail(
                    err, SW_EINVALID, "InvalidInput",
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < e->tags_n; j++) {
            if (strcasecmp(e->tags[j].key, tags[i].key) == 0) {
                entity_remove_tag(e, e->tags[j].key); /* the key as it is written now */
                break;
            }
        }
        entity_put_tag(e, tags[i].key, tags[i].value);
    }
    if (e->tags_n > IAM_TAGS_MAX)
        return sw_fail(err, SW_ELIMIT, "LimitExceeded",
                       "The number of tags has reached the maximum limit of %d.", IAM_TAGS_MAX);
    return 0;
}

static int fill_kind(struct iam_entity *e, const struct directory_new *n, int64_t now_us,
                     struct sw_err *err)
{
    int r = 0;

    switch (e->kind) {
    case IAM_USER: e->user_kind = n->user_kind ? n->user_kind : PRINCIPAL_USER; break;
    case IAM_ROLE:
        r = entity_set_trust(e, n->document, NULL, err);
        if (r == 0)
            r = entity_set_session(e, n->max_session_s ? n->max_session_s : IAM_SESSION_S, err);
        break;
    case IAM_POLICY:
        e->next_version = 1;
        r = entity_add_version(e, n->document, true, now_us, NULL, err);
        break;
    case IAM_PROVIDER:
        for (size_t i = 0; n->clients && n->clients[i]; i++)
            (void)words_add(&e->clients, n->clients[i]);
        for (size_t i = 0; n->thumbprints && n->thumbprints[i]; i++)
            (void)words_add(&e->thumbprints, n->thumbprints[i]);
        if (e->clients.n > IAM_CLIENTS_MAX)
            r = sw_fail(err, SW_ELIMIT, "LimitExceeded",
                        "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
                        IAM_CLIENTS_MAX);
        break;
    case IAM_GROUP:
    case IAM_PROFILE:
    case IAM_KIND_MAX_: break;
    }
    return r;
}

struct iam_entity *entity_new(const struct directory_new *n, int64_t now_us, struct sw_err *err)
{
    const char *path = n->path ? n->path : "/";
    struct iam_entity *e;

    if (entity_check_name(n->kind, n->name, err) < 0 || entity_check_path(path, err) < 0 ||
        (n->description && entity_check_description(n->description, err) < 0))
        return NULL;
    e = SW_NEW(struct iam_entity);
    e->kind = n->kind;
    (void)snprintf(e->id, sizeof(e->id), "%s", id_prefixes[n->kind]);
    sw_random_base32(e->id + 4, 17);
    (void)snprintf(e->account, sizeof(e->account), "%s", n->account);
    e->name = sw_strdup(n->name);
    e->path = sw_strdup(path);
    e->description = sw_strdup_or_null(n->description);
    e->boundary = sw_strdup_or_null(n->boundary);
    e->created_at_us = e->changed_at_us = now_us;
    entity_set_arn(e);
    if (fill_kind(e, n, now_us, err) < 0 || entity_set_tags(e, n->tags, n->tags_n, err) < 0) {
        entity_free(e);
        return NULL;
    }
    return e;
}
