/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_absent.c - scanning, replication, pull-through caches, signing and storage classes, which this registry does not
 * have: what only reads answers as a registry that never used them, what sets the state that is so anyhow is accepted, and everything
 * else is refused by the feature's name (see the notes in ecr.c). Inputs are validated in full either way. */
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/core/manifest_store.h"

static int refuse(const struct aws_call *call, struct sw_err *err)
{
    const struct aws_op_note *note = call->service->notes;
    while (note->name && !sw_streq(note->name, call->op->name))
        note++;
    return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException", "%s: %s is not implemented",
                   call->op->name, note->text);
}

int ecr_refuse(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
               struct sw_err *err)
{
    int r = ecr_may_registry(call, err);
    return r < 0 ? r : refuse(call, err);
}

/* The image of an operation: it must exist. Fills registryId, repositoryName and imageId. */
static int need_image(struct aws_call *call, const struct ecr_one_image_in *args, json_t *out,
                      struct sw_err *err)
{
    struct ecr_target t;
    struct repo *repo = NULL;
    struct image_info info = {0};
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = ecr_find_image(&t, repo, args->image_id, &info, err);
    if (r == 0) {
        sw_json_set_str(out, "registryId", t.account);
        sw_json_set_str(out, "repositoryName", t.key.name);
        sw_json_set_new(out, "imageId",
                        ecr_image_id(info.digest, sw_json_str(args->image_id, "imageTag", NULL)));
    }
    image_info_done(&info);
    repo_unref(repo);
    return r;
}

int ecr_refuse_image(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    int r = need_image(call, in, out, err);
    return r < 0 ? r : refuse(call, err);
}

/* --- scanning --------------------------------------------------------------------------------- */

static json_t *basic_scanning(void)
{
    return json_pack("{s:s, s:[]}", "scanType", "BASIC", "rules");
}

int ecr_get_registry_scanning_configuration(struct aws_call *call, const void *in SW_UNUSED,
                                            json_t *out, struct sw_err *err)
{
    int r = ecr_may_registry(call, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "registryId", call->principal.account);
    sw_json_set_new(out, "scanningConfiguration", basic_scanning());
    return 0;
}

int ecr_put_registry_scanning_configuration(struct aws_call *call, const void *in SW_UNUSED,
                                            json_t *out, struct sw_err *err)
{
    int r = ecr_may_registry(call, err);
    if (r == 0 && (sw_streq(sw_json_str(call->input, "scanType", "BASIC"), "ENHANCED") ||
                   json_array_size(json_object_get(call->input, "rules")) > 0))
        r = refuse(call, err);
    if (r == 0)
        sw_json_set_new(out, "registryScanningConfiguration", basic_scanning());
    return r;
}

static json_t *scanning_of(const struct ecr_target *t, const struct repo_info *info)
{
    bool on_push = ecr_scans_on_push(info);
    json_t *one = json_object();
    sw_json_set_str(one, "repositoryArn", t->arn);
    sw_json_set_str(one, "repositoryName", t->key.name);
    sw_json_set_bool(one, "scanOnPush", on_push);
    sw_json_set_str(one, "scanFrequency", on_push ? "SCAN_ON_PUSH" : "MANUAL");
    sw_json_set_new(one, "appliedScanFilters", json_array());
    return one;
}

int ecr_batch_get_repository_scanning_configuration(struct aws_call *call, const void *in,
                                                    json_t *out, struct sw_err *err)
{
    const struct ecr_list_in *args = in;
    json_t *found = json_array(), *failures = json_array();
    int r = 0;
    sw_json_set_new(out, "scanningConfigurations", found);
    sw_json_set_new(out, "failures", failures);
    for (size_t i = 0; r == 0 && i < json_array_size(args->names); i++) {
        const char *name = json_string_value(json_array_get(args->names, i));
        struct ecr_target t;
        struct repo_info info;
        r = ecr_describe(call, NULL, name, &t, &info, err);
        if (r == 0) {
            (void)json_array_append_new(found, scanning_of(&t, &info));
            repo_info_done(&info);
        } else if (r == SW_ENOTFOUND) {
            (void)json_array_append_new(
                failures, json_pack("{s:s, s:s, s:s}", "repositoryName", name, "failureCode",
                                    "REPOSITORY_NOT_FOUND", "failureReason", err->msg));
            sw_err_clear(err);
            r = 0;
        }
    }
    return r;
}

int ecr_describe_image_scan_findings(struct aws_call *call, const void *in, json_t *out,
                                     struct sw_err *err)
{
    const struct ecr_one_image_in *args = in;
    int r = need_image(call, args, out, err);
    return r < 0 ? r
                 : sw_fail(err, SW_ENOTFOUND, "ScanNotFoundException",
                           "Image scan does not exist for the image with '%s' in the repository "
                           "with name '%s' in the registry with id '%s'",
                           sw_json_str(sw_json_object(out, "imageId"), "imageDigest", ""),
                           args->repository, sw_json_str(out, "registryId", ""));
}

/* --- replication ------------------------------------------------------------------------------ */

int ecr_put_replication_configuration(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                      struct sw_err *err)
{
    const json_t *wanted = sw_json_object(call->input, "replicationConfiguration");
    int r = ecr_may_registry(call, err);
    if (r == 0 && json_array_size(json_object_get(wanted, "rules")) > 0)
        r = refuse(call, err);
    if (r == 0)
        sw_json_set_new(out, "replicationConfiguration", json_pack("{s:[]}", "rules"));
    return r;
}

int ecr_describe_registry(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                          struct sw_err *err)
{
    int r = ecr_may_registry(call, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "registryId", call->principal.account);
    sw_json_set_new(out, "replicationConfiguration", json_pack("{s:[]}", "rules"));
    return 0;
}

int ecr_describe_image_replication_status(struct aws_call *call, const void *in, json_t *out,
                                          struct sw_err *err)
{
    int r = need_image(call, in, out, err);
    if (r < 0)
        return r;
    (void)json_object_del(out, "registryId");
    sw_json_set_new(out, "replicationStatuses", json_array());
    return 0;
}

int ecr_no_replication_backfill(struct aws_call *call, const void *in, json_t *out SW_UNUSED,
                                struct sw_err *err)
{
    const struct ecr_backfill_in *args = in;
    int r = ecr_may_registry(call, err);
    return r < 0 ? r
                 : sw_fail(err, SW_ENOTFOUND, "ReplicationBackfillNotFoundException",
                           "There is no replication backfill with the id '%s'", args->id);
}

int ecr_list_replication_backfills(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                   struct sw_err *err)
{
    int r = ecr_may_registry(call, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "registryId", call->principal.account);
    sw_json_set_new(out, "backfills", json_array());
    return 0;
}

/* --- pull-through caches ---------------------------------------------------------------------- */

static int fail_no_rule(const struct aws_call *call, const char *registry_id, const char *prefix,
                        struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "PullThroughCacheRuleNotFoundException",
                   "The pull through cache rule with prefix '%s' does not exist in the registry "
                   "with id '%s'",
                   prefix, registry_id ? registry_id : call->principal.account);
}

int ecr_no_cache_rule(struct aws_call *call, const void *in, json_t *out SW_UNUSED,
                      struct sw_err *err)
{
    const struct ecr_cache_in *args = in;
    int r = ecr_may_registry(call, err);
    return r < 0 ? r : fail_no_rule(call, args->registry_id, args->prefix, err);
}

int ecr_describe_cache_rules(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_list_in *args = in;
    int r = ecr_may_registry(call, err);
    if (r == 0 && args->names)
        r = fail_no_rule(call, args->registry_id, json_string_value(json_array_get(args->names, 0)),
                         err);
    if (r == 0)
        sw_json_set_new(out, "pullThroughCacheRules", json_array());
    return r;
}

/* --- signing ---------------------------------------------------------------------------------- */

int ecr_no_signing_configuration(struct aws_call *call, const void *in SW_UNUSED,
                                 json_t *out SW_UNUSED, struct sw_err *err)
{
    int r = ecr_may_registry(call, err);
    return r < 0 ? r
                 : sw_fail(err, SW_ENOTFOUND, "SigningConfigurationNotFoundException",
                           "There is no signing configuration in the registry with id '%s'",
                           call->principal.account);
}

int ecr_describe_image_signing_status(struct aws_call *call, const void *in, json_t *out,
                                      struct sw_err *err)
{
    int r = need_image(call, in, out, err);
    if (r == 0)
        sw_json_set_new(out, "signingStatuses", json_array());
    return r;
}
