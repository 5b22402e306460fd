/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_referrer.c - ListImageReferrers: the manifests whose subject is an image, as /v2/ lists them. */
#include <string.h>

#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/core/manifest_store.h"

#define SCANNED_MAX 1000 /* referrers looked at for one page: with a filter it may be short */

struct referrer_page {
    json_t *list;
    const json_t *types;
    int64_t n, seen;
    char last[DIGEST_STRING_MAX];
    bool more;
};

static bool wanted(const json_t *types, const struct referrer *r)
{
    for (size_t i = 0; i < json_array_size(types); i++)
        if (sw_streq(json_string_value(json_array_get(types, i)), r->artifact_type))
            return true;
    return !types;
}

static json_t *referrer_json(const struct referrer *r)
{
    json_t *one = json_object(), *annotations = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    sw_json_set_str(one, "digest", r->digest);
    sw_json_set_str(one, "mediaType", r->media_type);
    sw_json_set_str(one, "artifactType", r->artifact_type);
    sw_json_set_int(one, "size", r->size);
    if (r->annotations &&
        sw_json_load(sw_str(r->annotations), 8, 10000, NULL, &annotations, &ignored) == 0)
        sw_json_set_new(one, "annotations", annotations);
    sw_json_set_str(one, "artifactStatus", "ACTIVE");
    return one;
}

static int on_referrer(void *ctx, const struct referrer *r)
{
    struct referrer_page *p = ctx;
    if (!r) {
        (void)json_array_clear(p->list);
        p->seen = 0;
        p->more = false;
        return 0;
    }
    p->more = (int64_t)json_array_size(p->list) == p->n || p->seen == SCANNED_MAX;
    if (p->more)
        return 1;
    if (wanted(p->types, r))
        (void)json_array_append_new(p->list, referrer_json(r));
    p->seen++;
    (void)sw_str_copy(sw_str(r->digest), p->last, sizeof(p->last));
    return 0;
}

static int list_page(const struct ecr_target *t, struct repo *repo, const char *subject,
                     const struct ecr_list_in *args, struct referrer_page *p, struct sw_err *err)
{
    struct digest d;
    char last[ECR_PAGE_KEY_MAX];
    const char *status = sw_json_str(args->filter, "artifactStatus", "ANY");
    if (!digest_parse(sw_str(subject), &d))
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "Invalid parameter at 'subjectId.imageDigest' failed to satisfy constraint: "
                       "'must be a digest'");
    int r = ecr_page(args, &p->n, last, err);
    if (r == 0 && !args->max_results.set)
        p->n = 50;
    if (r < 0 || (!sw_streq(status, "ANY") && !sw_streq(status, "ACTIVE")))
        return r;
    p->types = sw_json_array(args->filter, "artifactTypes");
    return manifest_referrers(t->reg, repo, &d, last, SCANNED_MAX + 1, on_referrer, p, err);
}

int ecr_list_image_referrers(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_list_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    struct referrer_page p = {.list = json_array()};
    sw_json_set_new(out, "referrers", p.list);
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = list_page(&t, repo,
                      sw_json_str(sw_json_object(call->input, "subjectId"), "imageDigest", ""),
                      args, &p, err);
    if (r == 0 && p.more)
        ecr_set_next_token(out, p.last);
    repo_unref(repo);
    return r;
}
