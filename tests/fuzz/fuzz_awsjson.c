/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: api auth storage/meta base */
/* Input: the body of a correctly signed AWS JSON call to an operation whose table holds every kind of member.
 * Properties: the answer is 200 or a modelled 400, never a 5xx; it is JSON; a 200 means that the handler saw a document
 * whose bound values agree with it. */
#include <assert.h>
#include <stdlib.h>

#include "api/awsjson.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"

#define NOW_US 1795270000000000LL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const char *name, *kind, *blob;
    enum schema_bool flag;
    struct schema_int count, big;
    struct schema_double ratio, at;
    json_t *items, *tags, *inner;
};

static const char *const kinds[] = {"ONE", "TWO", NULL};
static const struct sw_field node[];
static const struct sw_field node_item = {.type = T_STRUCT, .flags = F_RECURSIVE, .of = node};
static const struct sw_field tag[] = {{.type = T_STRING, .flags = F_LIMITS, .min = 1, .max = 128},
                                      {.type = T_STRING, .flags = F_LIMITS, .max = 256}};
static const struct sw_field node[] = {
    {.name = "id", .type = T_STRING, .flags = F_READ | F_REQUIRED},
    {.name = "size", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 10},
    {.name = "children", .type = T_LIST, .flags = F_READ | F_LIMITS, .max = 10, .of = &node_item},
    {.name = "never", .type = T_STRUCT, .flags = F_REFUSED, .of = node},
    F_END};

#define AT(member) .flags = F_BOUND, .off = offsetof(struct input, member)
static const struct sw_field fields[] = {
    {.name = "name", .type = T_STRING, AT(name)},
    {.name = "kind", .type = T_STRING, .values = kinds, AT(kind)},
    {.name = "blob", .type = T_BLOB, AT(blob)},
    {.name = "flag", .type = T_BOOL, AT(flag)},
    {.name = "count", .type = T_INT, AT(count)},
    {.name = "big", .type = T_LONG, AT(big)},
    {.name = "ratio", .type = T_DOUBLE, AT(ratio)},
    {.name = "at", .type = T_TIMESTAMP, AT(at)},
    {.name = "items", .type = T_LIST, .of = &node_item, AT(items)},
    {.name = "tags", .type = T_MAP, .of = tag, AT(tags)},
    {.name = "inner", .type = T_STRUCT, .of = node, AT(inner)},
    {.name = "kept", .type = T_STRING, .flags = F_STORED},
    F_END};
static const struct sw_field reply[] = {{.name = "name", .type = T_STRING}, F_END};

static int handle(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct input *i = in;
    json_t *name = json_object_get(call->input, "name");

    assert((i->name != NULL) == json_is_string(name));
    assert(!i->name || strcmp(i->name, json_string_value(name)) == 0);
    assert(!i->count.set || (i->count.v >= INT32_MIN && i->count.v <= INT32_MAX));
    assert(!i->kind || strcmp(i->kind, "ONE") == 0 || strcmp(i->kind, "TWO") == 0);
    assert(!i->items || json_is_array(i->items));
    assert(!i->tags || json_is_object(i->tags));
    sw_json_set_str(out, "name", i->name);
    return aws_may(call, "*", err);
}

static const struct aws_op ops[] = {{"Do", handle, fields, reply, sizeof(struct input), "fuzz:Do"}};
static const struct aws_service services[] = {{.signing_name = "fuzz",
                                               .target_prefix = "Fuzz_V1",
                                               .invalid_reason = "InvalidParameterException",
                                               .ops = ops,
                                               .ops_n = 1}};

static int secret(void *ctx, const struct sigv4_key *key, struct principal *ret, char out[129],
                  struct sw_err *err)
{
    (void)ctx, (void)key, (void)err;
    *ret = (struct principal){.kind = PRINCIPAL_ADMIN, .account = "000000000000"};
    (void)snprintf(out, 129, "secret");
    return 0;
}

static int64_t fixed_now(void)
{
    return NOW_US;
}

static void check_answer(const struct http_res *res)
{
    sw_autojson json_t *doc = json_loadb(res->bytes, res->bytes_n, 0, NULL);

    assert(res->status == 200 || res->status == 400);
    assert(json_is_object(doc));
    assert(res->status == 200 || json_is_string(json_object_get(doc, "__type")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct aws_edge_options o = {
        .services = services, .services_n = 1, .secret = secret, .now_us = fixed_now};
    struct http_header h[] = {{"Host", "x"},
                              {"X-Amz-Date", NULL},
                              {"X-Amz-Target", "Fuzz_V1.Do"},
                              {"Authorization", NULL}};
    struct sigv4_header sh[3];
    struct sw_buf authorization = SW_BUF_INIT(4096);
    struct sw_err err = SW_ERR_INIT;
    struct http_plan plan;
    struct http_res res;
    char date[SW_TIME_LEN];

    if (size > LIMIT_AWS_BODY)
        return 0;
    sw_format_amz_date(NOW_US, date);
    h[1].value = date;
    for (size_t i = 0; i < 3; i++)
        sh[i] = (struct sigv4_header){sw_str(h[i].name), sw_str(h[i].value)};
    struct sigv4_request q = {
        SW_STR("POST"), SW_STR("/"), SW_STR(""), sh, 3, {(const char *)data, size}};
    assert(sigv4_sign(&q, "AKIAFUZZFUZZFUZZFUZZ", "secret", "us-east-1", "fuzz", date,
                      &authorization, &err) == 0);
    h[3].value = authorization.p;

    struct aws_edge *edge = aws_edge_new(&o);
    struct http_service service = aws_edge_service(edge);
    struct http_req req = {.method = HTTP_POST,
                           .path = "/",
                           .query = "",
                           .headers = h,
                           .headers_n = 4,
                           .body = SW_BUF_INIT(LIMIT_AWS_BODY)};
    http_res_init(&res);
    (void)service.begin(service.ctx, &req, &plan, &res);
    (void)sw_buf_add(&req.body, data, size);
    (void)plan.run(plan.state, &req, &res, &err);
    plan.free(plan.state);
    check_answer(&res);
    http_res_done(&res);
    sw_buf_done(&req.body);
    sw_buf_done(&authorization);
    aws_edge_free(edge);
    return 0;
}
