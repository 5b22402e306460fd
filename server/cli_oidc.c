/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_oidc.c - slipway oidc keys: registers the keys of an OpenID Connect issuer, which IAM's own operations have no member
 * for (AWS fetches them). */
#include <stdio.h>

#include "auth/oidc.h"
#include "base/io.h"
#include "base/json.h"
#include "server/cli.h"
#include "server/identity_admin.h"

struct options {
    struct cli_common common;
    char *jwks;
};

/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"jwks", CONF_STRING, offsetof(struct options, jwks), NULL, 0, 0, NULL, "the issuer's keys, a file as its jwks_uri serves it"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

static int run_verb(struct client *c, const void *target, int argc, char **argv, struct sw_err *err)
{
    const struct options *o = target;
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(OIDC_JWKS_MAX);
    sw_autojson json_t *in = json_object(), *out = NULL;

    if (argc != 3 || !sw_streq(argv[1], "keys") || !o->jwks)
        return CLI_USAGE;
    int r = sw_read_file(o->jwks, &text, err);
    if (r < 0)
        return sw_prefix(err, "%s", o->jwks);
    sw_json_set_str(in, "Url", argv[2]);
    sw_json_set_str(in, "Jwks", text.p);
    r = client_call(c, TARGET_IDENTITY_ADMIN ".PutProviderKeys", in, 0, &out, err);
    if (r == 0)
        printf("%s: %lld keys\n", argv[2], (long long)sw_json_int(out, "Keys", 0));
    return r;
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    return cli_run_verb(&cli_oidc, argc, argv, &o, run_verb);
}

const struct cli_command cli_oidc = {
    .name = "oidc",
    .arguments = "keys URL --jwks FILE",
    .summary = "Register the keys of an OIDC issuer that IAM knows, for logins without keys",
    .example = "slipway oidc keys https://token.actions.githubusercontent.com --jwks jwks.json",
    .flags = &flags,
    .run = run,
};
