/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/api/registry_host.h"

#include "tests/lib/test.h"

TEST(ecr_style_names_are_read)
{
    struct registry_host h;
    CHECK(registry_host_parse("123456789012.dkr.ecr.eu-west-1.example.com:5000", &h));
    CHECK(sw_str_eq_z(h.account, "123456789012"));
    CHECK(sw_str_eq_z(h.region, "eu-west-1"));
    CHECK(sw_str_eq_z(h.rest, "example.com:5000"));
    static const char *const others[] = {"localhost:5000",
                                         "123456789012.dkr.ecr.eu-west-1",
                                         "123456789012.dkr.ecr.eu-west-1.",
                                         "12345678901.dkr.ecr.eu-west-1.x",
                                         "12345678901a.dkr.ecr.eu-west-1.x",
                                         "123456789012.dkr.ecr.EU.x",
                                         "123456789012.ecr.eu-west-1.x",
                                         "",
                                         "."};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CHECK_MSG(!registry_host_parse(others[i], &h), "%s", others[i]);
    CHECK(!registry_host_parse(NULL, &h));
}

TEST(names_for_clients)
{
    static const struct registry_place home = {"000000000000", "us-east-1"};
    static const struct {
        const char *host, *account, *region, *want;
    } rows[] = {
        {"r.example:5000", "000000000000", "us-east-1", "r.example:5000"},
        {"127.0.0.1:5000", "000000000000", "us-east-1", "127.0.0.1:5000"},
        {"127.0.0.1:5000", "000000000000", "eu-west-1",
         "000000000000.dkr.ecr.eu-west-1.localhost:5000"},
        {"[::1]:5000", "111111111111", "us-east-1",
         "111111111111.dkr.ecr.us-east-1.localhost:5000"},
        {"127.0.0.1", "111111111111", "us-east-1", "111111111111.dkr.ecr.us-east-1.localhost"},
        {"r.example", "111111111111", "us-east-1", "111111111111.dkr.ecr.us-east-1.r.example"},
        {"111111111111.dkr.ecr.us-east-1.r.example", "111111111111", "us-east-1",
         "111111111111.dkr.ecr.us-east-1.r.example"},
        {"111111111111.dkr.ecr.us-east-1.r.example", "000000000000", "us-east-1",
         "000000000000.dkr.ecr.us-east-1.r.example"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[REGISTRY_HOST_MAX];
        struct registry_place wanted = {rows[i].account, rows[i].region};
        registry_host_name(rows[i].host, &home, &wanted, out);
        CHECK_EQ_STR(out, rows[i].want);
    }
}
