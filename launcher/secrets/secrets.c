/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/secrets/secrets_internal.h"

#include <stdio.h>
#include <string.h>

#include "auth/policy_facts.h"
#include "base/alloc.h"
#include "base/clock.h"

#define SEALED_MAX  (160 * 1024)
#define CONTEXT_MAX (SECRETS_ARN_MAX + 128)
#define OWN_DEPTH   4
#define OWN_VALUES  4096

struct secrets *secrets_new(const struct secrets_options *o)
{
    struct secrets *s = SW_NEW(struct secrets);
    *s = (struct secrets){
        .db = o->db, .keyring = o->keyring, .now_us = o->now_us ? o->now_us : sw_now_us};
    return s;
}

void secrets_free(struct secrets *s)
{
    free(s);
}

static int expire(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "DELETE FROM secret WHERE expires_at IS NOT NULL AND expires_at <= $1", "i",
                     *(const int64_t *)arg);
}

int secrets_expire(struct secrets *s, struct sw_err *err)
{
    int64_t now = s->now_us();
    return meta_tx(s->db, META_WRITE, expire, &now, err);
}

static void context_of(const char *arn, const char *version, char out[CONTEXT_MAX])
{
    (void)snprintf(out, CONTEXT_MAX, "secret-value %s %s", arn, version);
}

int secrets_seal(struct secrets *s, const char *arn, const char *version, const char *value,
                 struct sw_buf *out, struct sw_err *err)
{
    char context[CONTEXT_MAX];
    context_of(arn, version, context);
    out->max = SEALED_MAX;
    return keyring_seal(s->keyring, context, value, strlen(value), out, err);
}

int secrets_unseal(struct secrets *s, const char *arn, const char *version, struct sw_str sealed,
                   char **ret, struct sw_err *err)
{
    char context[CONTEXT_MAX];
    struct sw_buf plain = SW_BUF_INIT(SEALED_MAX);
    context_of(arn, version, context);
    int r = keyring_open_sealed(s->keyring, context, sealed.p, sealed.n, &plain, err);
    if (r < 0) {
        sw_buf_done(&plain);
        err->reason = "DecryptionFailure";
        return r;
    }
    *ret = sw_buf_take(&plain);
    return 0;
}

void secret_value_free(char *value)
{
    if (value)
        explicit_bzero(value, strlen(value));
    free(value);
}

int secrets_json(const char *text, json_t **ret, struct sw_err *err)
{
    return sw_json_load(sw_str(text), OWN_DEPTH, OWN_VALUES, NULL, ret, err);
}

json_t *secrets_list_member(json_t *out, const char *key)
{
    json_t *list = json_array();
    sw_json_set_new(out, key, list);
    return list;
}

static json_t *tag_of(json_t *tags, const char *key)
{
    json_t *t;
    size_t i;
    json_array_foreach(tags, i, t) {
        if (sw_streq(sw_json_str(t, "Key", ""), key))
            return t;
    }
    return NULL;
}

int secrets_tags_merge(json_t *tags, const json_t *more, const char *reason, const char *invalid,
                       struct sw_err *err)
{
    const json_t *t;
    size_t i;
    json_array_foreach(more, i, t) {
        const char *key = sw_json_str(t, "Key", ""), *value = sw_json_str(t, "Value", "");
        json_t *had = tag_of(tags, key);
        if (strncasecmp(key, "aws:", 4) == 0)
            return sw_fail(err, SW_EINVALID, invalid,
                           "Tag keys that begin with aws: are reserved: '%.128s'.", key);
        if (had)
            sw_json_set_str(had, "Value", value);
        else
            json_array_append_new(tags, json_pack("{s:s, s:s}", "Key", key, "Value", value));
    }
    if (json_array_size(tags) > SECRETS_TAGS_MAX)
        return sw_fail(err, SW_ELIMIT, reason, "A resource has at most %d tags.", SECRETS_TAGS_MAX);
    const char *twice = json_array_size(more) ? policy_facts_tag_twice(tags) : NULL;
    if (twice)
        return sw_fail(err, SW_EINVALID, invalid,
                       "The resource has the tag key '%.128s' already, with other case.", twice);
    return 0;
}

void secrets_tags_remove(json_t *tags, const json_t *keys)
{
    for (size_t i = json_array_size(tags); i-- > 0;) {
        const char *has = sw_json_str(json_array_get(tags, i), "Key", "");
        const json_t *k;
        size_t j;
        json_array_foreach(keys, j, k) {
            if (sw_streq(json_string_value(k), has)) {
                json_array_remove(tags, i);
                break;
            }
        }
    }
}

bool secrets_page_room(struct secrets_page *page, size_t have, const char *last_key)
{
    if (have < (size_t)page->limit)
        return true;
    (void)snprintf(page->next, sizeof page->next, "%s", last_key);
    return false;
}
