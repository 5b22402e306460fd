/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_retire.c - when a user or role goes or is renamed, trust policies that name it by ARN name its unique id instead,
 * as in IAM: who gets the name later gets nothing by it. It is done before: until then the id means the same. */
#include <stdlib.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"

struct trusting {
    const char *arn;
    bool named; /* of the document at hand */
    const struct iam_entity **roles;
    size_t n;
};

static void look(void *ctx, enum policy_principal_kind kind, const char *value,
                 struct policy_position where SW_UNUSED)
{
    struct trusting *t = ctx;

    if (kind == POLICY_PRINCIPAL_ARN && strcmp(value, t->arn) == 0)
        t->named = true;
}

static void collect(void *ctx, void *value)
{
    struct trusting *t = ctx;
    const struct iam_entity *e = value;

    if (e->kind != IAM_ROLE || e->origin || sw_streq(e->arn, t->arn))
        return;
    t->named = false;
    policy_document_principals(e->trust_doc, look, t);
    if (t->named)
        t->roles[t->n++] = e;
}

static void replace_in(json_t *principal, const char *arn, const char *id)
{
    json_t *aws = json_object_get(principal, "AWS"), *one;
    size_t i;

    if (json_is_string(aws) && sw_streq(json_string_value(aws), arn))
        sw_json_set_str(principal, "AWS", id);
    json_array_foreach(aws, i, one) {
        if (sw_streq(json_string_value(one), arn))
            (void)json_array_set_new(aws, i, json_string(id));
    }
}

static void replace(json_t *statement, const char *arn, const char *id)
{
    replace_in(json_object_get(statement, "Principal"), arn, id);
    replace_in(json_object_get(statement, "NotPrincipal"), arn, id);
}

static int rewrite(struct identity *d, const struct iam_entity *role, const struct iam_entity *gone,
                   struct sw_err *err)
{
    sw_autojson json_t *doc = NULL;
    json_t *statements, *one;
    size_t i;
    int r = sw_json_load(sw_str(role->trust), LIMIT_AWS_DEPTH, LIMIT_AWS_VALUES, NULL, &doc, err);

    if (r < 0)
        return r;
    statements = json_object_get(doc, "Statement");
    if (json_is_object(statements))
        replace(statements, gone->arn, gone->id);
    json_array_foreach(statements, i, one)
        replace(one, gone->arn, gone->id);
    sw_autofree char *text = sw_json_dump(doc);
    struct iam_entity *changed = directory_copy(d, role);
    r = entity_set_trust(changed, text, NULL, err);
    if (r == 0)
        r = store_save(d->db, changed, NULL, err);
    if (r < 0)
        entity_free(changed);
    else
        directory_publish(d, changed);
    return r;
}

int directory_retire(struct identity *d, const struct iam_entity *gone, struct sw_err *err)
{
    struct trusting t = {.arn = gone->arn};
    int r = 0;

    if (gone->kind != IAM_USER && gone->kind != IAM_ROLE)
        return 0;
    t.roles = sw_calloc(d->maps.by_id.n + 1, sizeof(struct iam_entity *));
    strmap_each(&d->maps.by_id, collect, &t);
    for (size_t i = 0; i < t.n && r == 0; i++)
        r = rewrite(d, t.roles[i], gone, err);
    free(t.roles);
    return r;
}
