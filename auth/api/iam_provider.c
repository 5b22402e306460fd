/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_provider.c - OIDC providers. The name of one is its URL without the scheme. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/api/iam_internal.h"
#include "base/macros.h"

static int check_thumbprints(const char *const *words, size_t n, struct sw_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) != 40 || strspn(words[i], "0123456789abcdefABCDEF") != 40)
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "A thumbprint has 40 hexadecimal digits.");
    return 0;
}

static const char *without_scheme(const char *url)
{
    if (strncasecmp(url, "https://", 8) == 0)
        return url + 8;
    return strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

static int create(struct aws_call *call, struct directory_new *n, char id[IAM_ID_MAX],
                  struct sw_err *err)
{
    size_t thumbprints_n = 0;
    const char **clients = iam_words_in(call, "ClientIDList", NULL),
               **thumbprints = iam_words_in(call, "ThumbprintList", &thumbprints_n);
    struct iam_tag *tags = iam_tags_in(call, &n->tags_n);

    n->clients = clients;
    n->thumbprints = thumbprints;
    n->tags = tags;
    int r = check_thumbprints(thumbprints, thumbprints_n, err);
    if (r == 0)
        r = directory_create(iam_directory(call), n, id, err);
    free(clients);
    free(thumbprints);
    free(tags);
    return r;
}

IAM_HANDLER(create_provider)
{
    const char *name = without_scheme(iam_in(call, "Url"));
    struct directory_new n = {
        .kind = IAM_PROVIDER, .account = call->principal.account, .name = name};
    struct iam_target t;
    char id[IAM_ID_MAX];
    int r = iam_target_named(call, IAM_PROVIDER, name ? name : "*", NULL, &t, err);

    (void)in;
    if (r < 0)
        return r;
    if (!name || strpbrk(name, "?#") || !*name)
        return sw_fail(err, SW_EINVALID, "ValidationError", "Invalid Open ID Connect Provider URL");
    r = create(call, &n, id, err);
    if (r == 0)
        sw_json_set_str(out, "OpenIDConnectProviderArn", t.arn);
    return r;
}

static json_t *words_json(const struct iam_words *w)
{
    json_t *list = json_array();

    for (size_t i = 0; i < w->n; i++)
        json_array_append_new(list, json_string(w->v[i]));
    return list;
}

IAM_HANDLER(get_provider)
{
    const struct iam_entity *e;
    struct iam_target t;
    int r = iam_open_target(call, &t, &e, err);

    (void)in;
    if (r < 0)
        return r;
    sw_json_set_str(out, "Url", e->name);
    sw_json_set_new(out, "ClientIDList", words_json(&e->clients));
    sw_json_set_new(out, "ThumbprintList", words_json(&e->thumbprints));
    sw_json_set_time_us(out, "CreateDate", e->created_at_us);
    sw_json_set_new(out, "Tags", iam_tags_json(e));
    iam_close(call);
    return 0;
}

static void add_provider(void *ctx, const struct iam_entity *e)
{
    json_t *o = json_object();

    sw_json_set_str(o, "Arn", e->arn);
    json_array_append_new(ctx, o);
}

IAM_HANDLER(list_providers)
{
    int r = iam_may_list(call, IAM_PROVIDER, err);

    (void)in;
    if (r < 0)
        return r;
    json_t *list = json_array();
    directory_lock(iam_directory(call));
    directory_each(iam_directory(call), IAM_PROVIDER, call->principal.account, add_provider, list);
    directory_unlock(iam_directory(call));
    sw_json_set_new(out, "OpenIDConnectProviderList", list);
    return 0;
}

static int change_words(struct aws_call *call, enum iam_provider_list what,
                        const char *const *words, size_t n, struct sw_err *err)
{
    const struct iam_entity *e;
    struct iam_target t;
    int r = iam_open_target(call, &t, &e, err);

    if (r < 0)
        return r;
    iam_close(call);
    return directory_provider_words(iam_directory(call), t.account, t.name, what, words, n, err);
}

IAM_HANDLER(add_client_id)
{
    const char *word = iam_in(call, "ClientID");

    (void)in;
    (void)out;
    return change_words(call, IAM_CLIENT_ADD, &word, 1, err);
}

IAM_HANDLER(remove_client_id)
{
    const char *word = iam_in(call, "ClientID");

    (void)in;
    (void)out;
    return change_words(call, IAM_CLIENT_REMOVE, &word, 1, err);
}

IAM_HANDLER(update_thumbprint)
{
    size_t n = 0;
    const char **words = iam_words_in(call, "ThumbprintList", &n);
    int r = check_thumbprints(words, n, err);

    (void)in;
    (void)out;
    if (r == 0)
        r = change_words(call, IAM_THUMBPRINTS, words, n, err);
    free(words);
    return r;
}
