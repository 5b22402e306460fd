/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/unit/launcher/service/world.h - a launcher on a real database in the case's folder, with a clock that the test moves.
 * One world a case; CHECKs inside. Documents are written with single quotes for double ones. */
#include <stdarg.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/launcher.h"
#include "tests/lib/test.h"

#define WORLD_ACCOUNT "123456789012"

static int64_t world_now_us = 1800000000000000;

static int64_t world_clock(void)
{
    return world_now_us;
}

struct world {
    struct meta_db *db;
    struct launcher *l;
    struct principal admin, node;
    struct launcher_caller user, agent;
};

static inline int world_add_account(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "INSERT INTO account (id, created_at) VALUES ($1, 0)", "t",
                     (const char *)arg);
}

static inline void world_open(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options mo = {.path = test_path("meta.db")};
    *w = (struct world){.db = NULL};
    CHECK_OK(meta_sqlite_open(&mo, &w->db, &err));
    CHECK_OK(meta_tx(w->db, META_WRITE, world_add_account, (void *)WORLD_ACCOUNT, &err));
    struct launcher_options lo = {.db = w->db, .now_us = world_clock};
    CHECK_OK(launcher_open(&lo, &w->l, &err));
    w->admin = (struct principal){.kind = PRINCIPAL_ADMIN,
                                  .account = WORLD_ACCOUNT,
                                  .name = "admin",
                                  .user_id = "AIDAADMIN",
                                  .arn = "arn:aws:iam::" WORLD_ACCOUNT ":user/admin"};
    w->node = w->admin;
    w->node.kind = PRINCIPAL_NODE;
    (void)snprintf(w->node.user_id, sizeof w->node.user_id, "AIDANODE");
    (void)snprintf(w->node.arn, sizeof w->node.arn, "arn:aws:iam::" WORLD_ACCOUNT ":user/node");
    w->user = (struct launcher_caller){
        .account = WORLD_ACCOUNT, .region = "us-east-1", .principal = &w->admin};
    w->agent = (struct launcher_caller){
        .account = WORLD_ACCOUNT, .region = "us-east-1", .principal = &w->node};
}

static inline void world_close(struct world *w)
{
    launcher_free(w->l);
    meta_db_free(w->db);
}

/* A document from text with single quotes. */
static inline json_t *doc(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline json_t *doc(const char *fmt, ...)
{
    char text[8192];
    json_error_t e;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    CHECK(n > 0 && (size_t)n < sizeof text);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    json_t *j = json_loads(text, 0, &e);
    CHECK_MSG(j != NULL, "%s in %s", e.text, text);
    return j;
}

/* Calls fn with the document (taken) and returns its answer, owned. */
static inline json_t *call(struct world *w, const struct launcher_caller *c, launcher_fn fn,
                           json_t *in)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *out = json_object();
    CHECK_OK(fn(w->l, c, in, out, &err));
    json_decref(in);
    return out;
}

/* The same for a call that is refused. */
static inline void refused(struct world *w, const struct launcher_caller *c, launcher_fn fn,
                           json_t *in, int code, const char *reason, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *out = json_object(), *taken = in;
    int r = fn(w->l, c, taken, out, &err);
    CHECK_CONTAINS(err.msg, part);
    CHECK_ERR(r, code, reason);
}

static inline json_t *list(struct world *w, launcher_list_fn fn, json_t *in, const char *after,
                           int limit, char next[ARN_MAX])
{
    struct sw_err err = SW_ERR_INIT;
    struct launcher_page page = {.after = after, .limit = limit};
    json_t *out = json_object();
    CHECK_OK(fn(w->l, &w->user, in, &page, out, &err));
    json_decref(in);
    memcpy(next, page.next, ARN_MAX);
    return out;
}

/* An instance whose agent has just polled; its ARN. */
static inline void world_instance(struct world *w, int cpu, int memory, char arn[ARN_MAX])
{
    struct sw_err err = SW_ERR_INIT;
    struct launcher_poll p;
    sw_autojson json_t *out =
        call(w, &w->agent, launcher_register_instance,
             doc("{'totalResources': [{'name': 'CPU', 'type': 'INTEGER', 'integerValue': %d},"
                 " {'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': %d},"
                 " {'name': 'PORTS', 'type': 'STRINGSET', 'stringSetValue': ['22']}],"
                 " 'attributes': [{'name': 'ecs.cpu-architecture', 'value': 'x86_64'}],"
                 " 'versionInfo': {'agentVersion': '1'}}",
                 cpu, memory));
    (void)snprintf(
        arn, ARN_MAX, "%s",
        sw_json_str(sw_json_object(out, "containerInstance"), "containerInstanceArn", ""));
    sw_autojson json_t *in = doc("{'containerInstance': '%s'}", arn), *state = json_object();
    CHECK_EQ_INT(launcher_poll(w->l, &w->agent, in, &p, state, &err), 1);
}

/* Registers family with one container of that memory, and a fixed host port unless 0. */
static inline void world_taskdef(struct world *w, const char *family, int memory, int port)
{
    char ports[100] = "";
    if (port)
        (void)snprintf(ports, sizeof ports,
                       ", 'portMappings': [{'containerPort': 80, 'hostPort': %d}]", port);
    json_decref(call(
        w, &w->user, launcher_register_taskdef,
        doc("{'family': '%s', 'containerDefinitions': [{'name': 'web', 'image': 'img', 'cpu': 100,"
            " 'memory': %d%s}]}",
            family, memory, ports)));
}

static inline const char *task_arn_of(const json_t *out, size_t i)
{
    return sw_json_str(json_array_get(sw_json_array(out, "tasks"), i), "taskArn", "");
}
