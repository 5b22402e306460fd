/* SPDX-License-Identifier: Apache-2.0 */
#include "server/credential_helper.h"

#include "base/str.h"
#include "tests/lib/test.h"

static void expect(const char *server, bool http_elsewhere, const char *first, const char *second,
                   const char *region)
{
    char got[2][300] = {"", ""}, got_region[64] = "";
    int n = credential_helper_endpoints(server, http_elsewhere, got, got_region);

    CHECK_EQ_INT(n, (first != NULL) + (second != NULL));
    if (first)
        CHECK_EQ_STR(got[0], first);
    if (second)
        CHECK_EQ_STR(got[1], second);
    CHECK_EQ_STR(got_region, region);
}

TEST(a_server_has_addresses)
{
    expect("127.0.0.1:5000", false, "http://127.0.0.1:5000", "https://127.0.0.1:5000", "");
    expect("localhost", false, "http://localhost", "https://localhost", "");
    expect("[::1]:5000", false, "http://[::1]:5000", "https://[::1]:5000", "");
    expect("https://127.0.0.1:5000/v2/", false, "https://127.0.0.1:5000", NULL, "");
    expect("http://registry:5000", false, "http://registry:5000", NULL, "");
    expect("registry:5000", false, "https://registry:5000", NULL, "");
    expect("registry:5000", true, "https://registry:5000", "http://registry:5000", "");
    expect("localhost.example.com", false, "https://localhost.example.com", NULL, "");
    expect("123456789012.dkr.ecr.eu-west-1.example.com", false,
           "https://123456789012.dkr.ecr.eu-west-1.example.com", NULL, "eu-west-1");
    expect("", false, NULL, NULL, "");
    expect("https:///x", false, NULL, NULL, "");
}

TEST(the_programs_other_name)
{
    CHECK(credential_helper_is_name("docker-credential-slipway"));
    CHECK(credential_helper_is_name("/usr/bin/docker-credential-slipway"));
    CHECK(!credential_helper_is_name("slipway"));
    CHECK(!credential_helper_is_name("/docker-credential-slipway/slipway"));
    CHECK(!credential_helper_is_name(NULL));
}
