/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: launcher/agent launcher/runtime launcher/model base */
/* Input: the bytes of a layer, in any compression.
 * Properties: unpacking ends within its limits; nothing outside the folder comes into being or changes. As root every kind of
 * entry is made; without root ownership fails first, and less is reached. */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/macros.h"
#include "launcher/agent/layer_unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *p;
    size_t n;
};

static int64_t source_read(void *ctx, void *out, size_t cap, struct sw_err *err)
{
    (void)err;
    struct source *s = ctx;
    size_t n = SW_MIN(cap, s->n);
    memcpy(out, s->p, n);
    s->p += n;
    s->n -= n;
    return (int64_t)n;
}

static int entries_of(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    assert(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct layer_limits limits = {
        .unpacked_bytes = 1 << 20, .entries = 200, .ratio = 100, .ratio_free = 1 << 20};
    char dir[] = "/tmp/slipway-fuzz-XXXXXX", layer[64], canary[64];
    struct sw_err err = SW_ERR_INIT, ignored = SW_ERR_INIT;
    struct stat before, after;
    if (!mkdtemp(dir))
        return 0;
    snprintf(layer, sizeof layer, "%s/layer", dir);
    snprintf(canary, sizeof canary, "%s/canary", dir);
    assert(mkdir(layer, 0755) == 0 && mkdir(canary, 0750) == 0 && stat(canary, &before) == 0);
    sw_autoclose int root = open(layer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct layer_result res = LAYER_RESULT_INIT;
    struct source s = {data, size};
    int r = layer_unpack(source_read, &s, root, &limits, &res, &err);
    assert(r == err.code && (r == 0 || err.reason));
    assert(res.unpacked_bytes <= limits.unpacked_bytes && res.entries <= limits.entries + 1);
    layer_result_done(&res);
    assert(entries_of(dir) == 4 && entries_of(canary) == 2 && stat(canary, &after) == 0);
    assert(before.st_mode == after.st_mode && before.st_uid == after.st_uid);
    (void)sw_remove_tree(dir, &ignored);
    return 0;
}
