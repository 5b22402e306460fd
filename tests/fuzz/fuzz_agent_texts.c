/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: launcher/agent launcher/runtime launcher/model base */
/* Input: what registries and stores send to an agent: headers with challenges, files of variables; and options of mounts.
 * Properties: a challenge that we would answer with a token has an address; each variable has a name without an equals sign, once;
 * options that are left over are no longer than what came. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "launcher/agent/container_setup.h"
#include "launcher/agent/registry_auth.h"
#include "launcher/agent/task_env_files.h"
#include "launcher/runtime/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_challenge(struct sw_str text)
{
    struct registry_challenge c;
    struct sw_buf b = SW_BUF_INIT(1 << 20);
    sw_buf_add_str(&b, text);
    registry_challenge_parse(&b, &c);
    assert(c.scheme != CHALLENGE_BEARER || c.realm[0]);
    assert(strlen(c.realm) < sizeof c.realm && strlen(c.service) < sizeof c.service);
    sw_buf_done(&b);
}

static void check_variables(struct sw_str text)
{
    struct sw_err err = SW_ERR_INIT;
    char **list = sw_calloc(1, sizeof *list);
    if (env_file_parse(text, &list, &err) == 0)
        for (char **a = list; *a; a++) {
            size_t n = strcspn(*a, "=");
            assert(n > 0 && (*a)[n] == '=' && (*a)[0] != '#' && !strchr(*a, '\n'));
            for (char **b = a + 1; *b && a - list < 100; b++)
                assert(strncmp(*a, *b, n + 1) != 0);
        }
    strings_free(list);
}

static void check_options(struct sw_str text)
{
    char *options = sw_strndup(text.p, text.n), *rest = sw_calloc(text.n + 1, 1);
    (void)mounts_options(options, rest);
    assert(strlen(rest) <= strlen(options));
    free(options);
    free(rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sw_str text = sw_str_n((const char *)data, size);
    check_challenge(text);
    check_variables(text);
    check_options(text);
    return 0;
}
