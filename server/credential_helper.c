/* SPDX-License-Identifier: Apache-2.0 */
#include "server/credential_helper.h"

#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "server/client.h"

#define INPUT_MAX 65536
#define NOT_FOUND "credentials not found in native keychain" /* docker looks for these words */

bool credential_helper_is_name(const char *argv0)
{
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL;

    return sw_streq(slash ? slash + 1 : argv0, CREDENTIAL_HELPER_NAME);
}

/* ---- where to ask ---- */

static bool is_this_machine(struct sw_str host)
{
    return sw_str_eq_z(host, "localhost") || sw_str_starts_with(host, "localhost:") ||
           sw_str_starts_with(host, "127.") || sw_str_starts_with(host, "[::1]");
}

/* <account>.dkr.ecr.<region>.<anything> */
static void region_of(struct sw_str host, char ret[64])
{
    struct sw_str rest = host, account, dkr, ecr, region;

    ret[0] = 0;
    if (sw_str_split(&rest, '.', &account) && account.n == 12 && sw_str_split(&rest, '.', &dkr) &&
        sw_str_eq_z(dkr, "dkr") && sw_str_split(&rest, '.', &ecr) && sw_str_eq_z(ecr, "ecr") &&
        sw_str_split(&rest, '.', &region) && rest.p)
        (void)sw_str_copy(region, ret, 64);
}

int credential_helper_endpoints(const char *server, bool http_elsewhere, char ret[2][300],
                                char ret_region[64])
{
    struct sw_str rest = sw_str_trim(sw_str(server)), host;
    bool https = sw_str_starts_with(rest, "https://"), http = sw_str_starts_with(rest, "http://");
    int n = 0;

    rest = sw_str_slice(rest, https ? 8 : http ? 7 : 0, rest.n);
    (void)sw_str_split(&rest, '/', &host);
    if (host.n == 0 || host.n > 255)
        return 0;
    region_of(host, ret_region);
    if (http || (!https && is_this_machine(host)))
        (void)snprintf(ret[n++], 300, "http://" SW_STR_FMT, SW_STR_ARG(host));
    if (!http)
        (void)snprintf(ret[n++], 300, "https://" SW_STR_FMT, SW_STR_ARG(host));
    if (!http && !https && http_elsewhere && n < 2)
        (void)snprintf(ret[n++], 300, "http://" SW_STR_FMT, SW_STR_ARG(host));
    return n;
}

/* ---- the protocol ---- */

static int get_password(const char *endpoint, const char *region, char ret[TOKEN_MAX],
                        struct sw_err *err)
{
    const struct client_options o = {.endpoint = endpoint, .region = *region ? region : NULL};
    struct client c;
    int r = client_open(&o, &c, err);

    if (r < 0)
        return r;
    r = client_registry_password(&c, ret, NULL, err);
    client_close(&c);
    return r;
}

static int get(const char *server)
{
    const char *http = getenv("SLIPWAY_CREDENTIAL_HTTP");
    char endpoints[2][300], region[64], password[TOKEN_MAX];
    struct sw_err err = SW_ERR_INIT;
    int n = credential_helper_endpoints(server, http && *http, endpoints, region);
    int r = SW_EUNAVAILABLE;

    for (int i = 0; i < n && r == SW_EUNAVAILABLE; i++) {
        sw_err_clear(&err);
        r = get_password(endpoints[i], region, password, &err);
    }
    if (r < 0) {
        fprintf(stderr, "%s: %s: %s\n", CREDENTIAL_HELPER_NAME, server,
                n ? err.msg : "not the name of a server");
        printf("%s\n", r == SW_EUNAVAILABLE || r == SW_ENOTFOUND ? NOT_FOUND : err.msg);
        return 1;
    }
    sw_autojson json_t *out = json_object();
    sw_json_set_str(out, "ServerURL", server);
    sw_json_set_str(out, "Username", "AWS");
    sw_json_set_str(out, "Secret", password);
    sw_autofree char *text = sw_json_dump(out);
    printf("%s\n", text);
    explicit_bzero(password, sizeof(password));
    return 0;
}

static int read_line(struct sw_buf *ret)
{
    struct sw_err err = SW_ERR_INIT;

    if (sw_read_fd(0, ret, &err) < 0) {
        printf("%s\n", err.msg);
        return 1;
    }
    while (ret->n > 0 && strchr("\r\n", ret->p[ret->n - 1]))
        sw_buf_cut(ret, ret->n - 1);
    return 0;
}

int credential_helper_main(int argc, char **argv)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf input = SW_BUF_INIT(INPUT_MAX);
    const char *action = argc == 2 ? argv[1] : "";

    if (sw_streq(action, "version")) {
        printf("%s (slipway) %s\n", CREDENTIAL_HELPER_NAME, SLIPWAY_VERSION);
        return 0;
    }
    if (sw_streq(action, "list")) { /* nothing is kept */
        printf("{}\n");
        return 0;
    }
    if (sw_streq(action, "store") || sw_streq(action, "erase"))
        return read_line(&input);
    if (sw_streq(action, "get"))
        return read_line(&input) ? 1 : get(input.n ? input.p : "");
    fprintf(stderr,
            "usage: %s get|store|erase|list|version\n"
            "In ~/.docker/config.json: {\"credHelpers\": {\"127.0.0.1:5000\": \"slipway\"}}\n",
            CREDENTIAL_HELPER_NAME);
    return 2;
}
