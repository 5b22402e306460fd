/* SPDX-License-Identifier: Apache-2.0 */
#include "server/image_uses.h"

#include "base/digest.h"
#include "base/macros.h"
#include "launcher/agent/image_reference.h"
#include "launcher/service/launcher.h"

static const char *const others[] = {
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "gcr.io",
    "ghcr.io",
    "lscr.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "quay.io",
    "registry.gitlab.com",
    "registry.k8s.io",
    "registry.access.redhat.com",
};

static bool somebody_elses(const char *host)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(others); i++)
        if (sw_str_eq_nocase(sw_str(host), sw_str(others[i])))
            return true;
    return false;
}

/* 012345678901.dkr.ecr.us-east-1.anything, already checked for form. */
static bool read_ecr_host(const char *host, struct image_name *ret)
{
    struct sw_str rest = sw_str(host), account, part, region;
    return sw_str_split(&rest, '.', &account) && sw_str_split(&rest, '.', &part) &&
           sw_str_split(&rest, '.', &part) && sw_str_split(&rest, '.', &region) &&
           sw_str_copy(account, ret->account, sizeof(ret->account)) &&
           sw_str_copy(region, ret->region, sizeof(ret->region));
}

bool image_uses_resolve(const struct image_uses *u, const char *image, struct image_name *ret)
{
    struct image_registry own = {.host_port = ""};
    struct image_reference ref;
    struct sw_err ignored = SW_ERR_INIT; /* then no agent can pull it */
    *ret = (struct image_name){0};
    if (image_name_parse(sw_str(image), &own, &ref, &ignored) < 0 || somebody_elses(ref.host_port))
        return false;
    bool placed = ref.host_header[0]
                      ? read_ecr_host(ref.host_header, ret)
                      : sw_str_copy(sw_str(u->account), ret->account, sizeof(ret->account)) &&
                            sw_str_copy(sw_str(u->region), ret->region, sizeof(ret->region));
    if (ref.has_digest)
        digest_format(&ref.digest, ret->digest);
    return placed &&
           sw_str_copy(sw_str(ref.repository), ret->repository, sizeof(ret->repository)) &&
           sw_str_copy(sw_str(ref.tag), ret->tag, sizeof(ret->tag));
}

struct asking {
    const struct image_uses *u;
    const char *account, *region;
    image_use_fn fn;
    void *arg;
};

static int tell(const struct asking *a, const struct image_name *name, const char *digest,
                const char *holder)
{
    struct image_use use = {.account = name->account,
                            .region = name->region,
                            .repository = name->repository,
                            .tag = digest ? NULL : name->tag,
                            .digest = digest,
                            .holder = holder};
    return a->fn(a->arg, &use);
}

/* By its digest when a task runs it, and by the name it was started by: the same name is pulled again when the task is replaced. */
static int note_use(void *arg, const struct launcher_image *use)
{
    const struct asking *a = arg;
    struct image_name name;
    if (!image_uses_resolve(a->u, use->image, &name) || !sw_streq(name.account, a->account) ||
        !sw_streq(name.region, a->region))
        return 0;
    int r = tell(a, &name, name.digest[0] ? name.digest : NULL, use->holder);
    return r == 0 && use->digest ? tell(a, &name, use->digest, use->holder) : r;
}

static int each(void *ctx, struct meta_tx *tx, const char *account, const char *region,
                image_use_fn fn, void *arg, struct sw_err *err)
{
    struct asking a = {.u = ctx, .account = account, .region = region, .fn = fn, .arg = arg};
    return launcher_images_in_use(tx, note_use, &a, err);
}

static int stamp(void *ctx SW_UNUSED, struct meta_tx *tx, int64_t *ret, struct sw_err *err)
{
    return launcher_images_stamp(tx, ret, err);
}

struct image_holders image_uses_holders(struct image_uses *u)
{
    return (struct image_holders){.each = each, .stamp = stamp, .ctx = u};
}
