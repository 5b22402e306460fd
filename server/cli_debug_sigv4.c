/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_debug_sigv4.c - slipway debug sigv4: what the server signed of a request whose signature it refused, and where that
 * differs from what the client signed. */
#include "server/cli_debug_sigv4.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "server/cli.h"
#include "server/identity_admin.h"

#define FILE_MAX_ (1024 * 1024)

struct options {
    struct cli_common common;
    char *request;
};

/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"request", CONF_STRING, offsetof(struct options, request), NULL, 0, 0, NULL, "file with the client's canonical request, to compare (aws --debug prints it)"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

/* Of which part of a canonical request a line is. */
static const char *part_of(size_t line, bool after_headers, bool last)
{
    if (line < 3)
        return line == 0 ? "method" : line == 1 ? "path" : "query";
    if (last)
        return "hash of the body";
    return after_headers ? "list of signed headers" : "header";
}

/* 0 equal, 1 different. */
static int compare(const char *ours, struct sw_str theirs)
{
    struct sw_str a = sw_str(ours), b = theirs, one, other;
    bool after_headers = false;

    while (b.n > 0 && (b.p[b.n - 1] == '\n' || b.p[b.n - 1] == '\r'))
        b.n--;
    for (size_t line = 0;; line++) {
        bool more = sw_str_split(&a, '\n', &one), more_too = sw_str_split(&b, '\n', &other);
        if (!more && !more_too)
            return 0;
        one = more ? one : SW_STR("(nothing)");
        other = more_too ? other : SW_STR("(nothing)");
        if (other.n > 0 && other.p[other.n - 1] == '\r')
            other.n--;
        if (!sw_str_eq(one, other)) {
            printf("first difference, line %zu (%s):\n  server: " SW_STR_FMT
                   "\n  client: " SW_STR_FMT "\n",
                   line + 1, part_of(line, after_headers, more && !a.p), SW_STR_ARG(one),
                   SW_STR_ARG(other));
            return 1;
        }
        after_headers = after_headers || (line > 2 && one.n == 0);
    }
}

static void print_one(const json_t *r)
{
    char at[SW_TIME_LEN];

    sw_format_iso8601_s((int64_t)(json_number_value(json_object_get(r, "Time")) * 1e6), at);
    printf("request %s, %s, key %s from %s\n%s\n\n", sw_json_str(r, "RequestId", ""), at,
           sw_json_str(r, "AccessKeyId", ""), sw_json_str(r, "SourceIp", ""),
           sw_json_str(r, "Message", ""));
    printf("canonical request, as the server reads it:\n%s\n\nstring to sign:\n%s\n\n",
           sw_json_str(r, "CanonicalRequest", ""), sw_json_str(r, "StringToSign", ""));
}

static int explain(struct client *c, const struct options *o, const char *id, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf theirs = SW_BUF_INIT(FILE_MAX_);
    sw_autojson json_t *in = json_object(), *out = NULL;
    int r = o->request ? sw_read_file(o->request, &theirs, err) : 0;

    sw_json_set_str(in, "RequestId", id);
    if (r == 0)
        r = client_call(c, TARGET_IDENTITY_ADMIN ".DebugSigv4", in, 0, &out, err);
    if (r < 0)
        return r;
    const json_t *newest = json_array_get(sw_json_array(out, "Rejected"), 0);
    if (!newest)
        return sw_fail(err, SW_ENOTFOUND, NULL,
                       "the server remembers no wrong signature%s%s by a key of this account",
                       id ? " of request " : "", id ? id : "");
    print_one(newest);
    if (o->request &&
        compare(sw_json_str(newest, "CanonicalRequest", ""), sw_buf_str(&theirs)) == 0)
        printf("the canonical requests are equal: the secret key differs, or the date, region or "
               "service of the scope\n");
    return 0;
}

static const struct cli_command command = {
    .name = "debug sigv4",
    .arguments = "[REQUEST-ID] [--request FILE]",
    .flags = &flags,
};

int debug_sigv4_run(int argc, char **argv)
{
    struct options o = {0};
    struct client client = {0};
    struct sw_err err = SW_ERR_INIT;
    int status = cli_parse(&command, &argc, argv, &o, 0, 1);

    if (status == 0)
        status = cli_open(&o.common, &client);
    if (status == 0 && explain(&client, &o, argc == 2 ? argv[1] : NULL, &err) < 0)
        status = cli_fail(&err);
    client_close(&client);
    conf_free(&flags, &o);
    return status;
}
