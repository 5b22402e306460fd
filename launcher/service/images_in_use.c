/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/service/images_in_use.c - which images must not go: those of ACTIVE task definitions, of tasks that are not STOPPED, on
 * whatever definition, and of what services start tasks of or may roll back to, though the definition be INACTIVE. A task names its image twice: as its definition does, and by the digest that its agent reported. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/service.h"

struct walk {
    launcher_image_fn fn;
    void *arg;
    bool stopped;
};

static void use_one(struct walk *w, const json_t *container, const char *holder)
{
    struct launcher_image use = {.image = sw_json_str(container, "image", NULL),
                                 .digest = sw_json_str(container, "imageDigest", NULL),
                                 .holder = holder};
    if (!w->stopped && use.image)
        w->stopped = w->fn(w->arg, &use) != 0;
}

static int use_document(struct walk *w, const char *text, const char *containers, const char *kind,
                        const char *arn_key, struct sw_err *err)
{
    sw_autojson json_t *doc = NULL;
    const json_t *one;
    size_t i;
    int r = service_document(text, &doc, err);
    if (r < 0)
        return r;
    sw_autofree char *holder = sw_asprintf("%s %s", kind, sw_json_str(doc, arn_key, ""));
    json_array_foreach(sw_json_array(doc, containers), i, one) {
        use_one(w, one, holder);
    }
    return 0;
}

static int use_rows(struct meta_tx *tx, struct walk *w, const char *sql, const char *containers,
                    const char *kind, const char *arn_key, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st, sql, "");
    while (r >= 0 && !w->stopped && (r = meta_step(st, err)) > 0) {
        sw_autofree char *text = meta_dup(st, 0);
        r = use_document(w, text, containers, kind, arn_key, err);
    }
    return r < 0 ? r : 0;
}

/* The newest deployment that completed is what a rollback goes back to. */
static int use_services(struct meta_tx *tx, struct walk *w, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT DISTINCT d.id, d.document, c.region, c.account_id, c.name, s.name"
                       " FROM service_deployment p JOIN service s ON s.id = p.service_id"
                       " JOIN cluster c ON c.id = s.cluster_id"
                       " JOIN task_definition d ON d.id = p.definition_id"
                       " WHERE s.status <> 'INACTIVE' AND (p.status <> 'INACTIVE' OR p.number ="
                       " (SELECT MAX(n.number) FROM service_deployment n"
                       " WHERE n.service_id = s.id AND n.rollout = 'COMPLETED'))"
                       " ORDER BY c.account_id, c.region, c.name, s.name, d.id",
                       "");
    while (r >= 0 && !w->stopped && (r = meta_step(st, err)) > 0) {
        char arn[ARN_MAX];
        sw_autofree char *text = meta_dup(st, 1);
        sw_autofree char *region = meta_dup(st, 2);
        sw_autofree char *account = meta_dup(st, 3);
        sw_autofree char *cluster = meta_dup(st, 4);
        sw_autofree char *name = meta_dup(st, 5);
        sw_autojson json_t *doc = NULL;
        const json_t *one;
        size_t i;
        if ((r = service_document(text, &doc, err)) < 0)
            break;
        arn_service(arn, region, account, cluster, name);
        sw_autofree char *holder = sw_asprintf("service %s", arn);
        json_array_foreach(sw_json_array(doc, "containerDefinitions"), i, one)
            use_one(w, one, holder);
    }
    return r < 0 ? r : 0;
}

int launcher_images_in_use(struct meta_tx *tx, launcher_image_fn fn, void *arg, struct sw_err *err)
{
    struct walk w = {.fn = fn, .arg = arg};
    int r = use_rows(tx, &w, "SELECT document FROM task WHERE last_status <> 'STOPPED' ORDER BY id",
                     "containers", "task", "taskArn", err);
    if (r == 0)
        r = use_rows(tx, &w,
                     "SELECT document FROM task_definition WHERE status = 'ACTIVE' ORDER BY id",
                     "containerDefinitions", "task definition", "taskDefinitionArn", err);
    return r < 0 ? r : use_services(tx, &w, err);
}

/* A use starts with a definition: only ACTIVE ones can be run or given to a service, a task that runs was seen through its own, and
 * what a service rolls back to was seen as the service's. */
int launcher_images_stamp(struct meta_tx *tx, int64_t *ret, struct sw_err *err)
{
    int64_t id = 0, registered_at = 0;
    int r =
        meta_get(tx, err, "SELECT id, registered_at FROM task_definition ORDER BY id DESC LIMIT 1",
                 "", "ii", &id, &registered_at);
    *ret = registered_at + id;
    return r < 0 ? r : 0;
}
