/* SPDX-License-Identifier: Apache-2.0 */
#include "server/image_uses.h"

#include "base/macros.h"
#include "tests/lib/test.h"

#define SHA "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(names_that_mean_this_registry)
{
    static const struct {
        const char *image, *account, *region, *repository, *tag, *digest;
    } cases[] = {
        {"127.0.0.1:5000/team/app:v1", "111111111111", "eu-north-1", "team/app", "v1", ""},
        {"localhost:80/app", "111111111111", "eu-north-1", "app", "latest", ""},
        {"registry.example/app@" SHA, "111111111111", "eu-north-1", "app", "", SHA},
        {"team/app:v2", "111111111111", "eu-north-1", "team/app", "v2", ""},
        {"222222222222.dkr.ecr.us-west-2.amazonaws.com/a/b:c", "222222222222", "us-west-2", "a/b",
         "c", ""},
        {"222222222222.dkr.ecr.us-west-2.localhost:5000/a:c", "222222222222", "us-west-2", "a", "c",
         ""},
    };
    struct image_uses u = {"111111111111", "eu-north-1"};
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        struct image_name name;
        CHECK_MSG(image_uses_resolve(&u, cases[i].image, &name), "%s", cases[i].image);
        CHECK_EQ_STR(name.account, cases[i].account);
        CHECK_EQ_STR(name.region, cases[i].region);
        CHECK_EQ_STR(name.repository, cases[i].repository);
        CHECK_EQ_STR(name.tag, cases[i].tag);
        CHECK_EQ_STR(name.digest, cases[i].digest);
    }
}

TEST(names_that_mean_another_one_or_nothing)
{
    static const char *const images[] = {
        "docker.io/library/nginx:1", "GHCR.io/a/b", "quay.io/a/b", "", "UPPER/case",
        "host:1/app:bad tag"};
    struct image_uses u = {"111111111111", "eu-north-1"};
    for (size_t i = 0; i < SW_ARRAY_LEN(images); i++) {
        struct image_name name;
        CHECK_MSG(!image_uses_resolve(&u, images[i], &name), "%s", images[i]);
    }
}
