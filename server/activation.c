/* SPDX-License-Identifier: Apache-2.0 */
/* server/activation.c - the activation signs one call with its own key pair, which lies in a file only meanwhile. */
#include "server/activation.h"

#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/model/agent_protocol.h"

#define CALL_TIMEOUT_MS 15000

char *activation_credentials_path(const char *dir)
{
    return sw_asprintf("%s/external-credentials", dir);
}

static int exchange(const char *path, const char *activation_path, const struct client_options *how,
                    struct sw_err *err)
{
    struct client client = {0};
    struct client_options o = *how;
    sw_autojson json_t *in = json_object(), *out = NULL;
    o.credentials_file = activation_path;
    o.profile = NULL;
    int r = client_open(&o, &client, err);
    if (r == 0)
        r = client_call(&client, AGENT_TARGET_PREFIX ".RegisterManagedInstance", in,
                        CALL_TIMEOUT_MS, &out, err);
    if (r == 0)
        r = credentials_write(path, sw_json_str(out, "accessKeyId", ""),
                              sw_json_str(out, "secretAccessKey", ""), err);
    if (r == 0)
        sw_log(SW_LOG_INFO, "activation-used", "instance",
               sw_json_str(out, "managedInstanceId", ""), NULL);
    client_close(&client);
    return r;
}

int activation_use(const char *dir, const char *id, const char *code,
                   const struct client_options *how, struct sw_err *err)
{
    char key[33];
    size_t n = 0;
    sw_autofree char *path = activation_credentials_path(dir);
    sw_autofree char *once = sw_asprintf("%s/activation", dir);
    if (sw_path_exists(path))
        return 0;
    for (const char *p = id; *p && n < 32; p++) {
        if (*p != '-')
            key[n++] = *p;
    }
    key[n] = 0;
    int r = sw_mkdirs(dir, 0700, err);
    if (r == 0)
        r = credentials_write(once, key, code, err);
    if (r == 0)
        r = exchange(path, once, how, err);
    (void)unlink(once);
    return r < 0 ? sw_prefix(err, "using the activation %.40s", id) : 0;
}
