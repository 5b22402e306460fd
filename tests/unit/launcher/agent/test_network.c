/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins that were killed leave behind, and releases that fail once. No plugin runs here. */
#include "launcher/agent/network.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tests/lib/test.h"

static struct network *net;
static char bridge[16]; /* of this process: cases run side by side */

static void setup(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct network_options o = {
        .dir = test_path("networks"), .bridge_name = bridge, .bridge_subnet = "10.240.250.0/24"};
    (void)snprintf(bridge, sizeof bridge, "swu%d", (int)getpid());
    CHECK_OK(sw_mkdirs(test_path("networks/addresses/%s", bridge), 0700, &err));
    CHECK_OK(network_new(&o, &net, &err));
}

static void address(const char *ip, const char *text, int age_s)
{
    const char *path = test_path("networks/addresses/%s/%s", bridge, ip);
    struct timespec t[2];
    clock_gettime(CLOCK_REALTIME, &t[0]);
    t[0].tv_sec -= age_s;
    t[1] = t[0];
    test_write_file(path, text, strlen(text));
    CHECK(utimensat(AT_FDCWD, path, t, 0) == 0);
}

static bool held(const char *ip)
{
    return sw_path_exists(test_path("networks/addresses/%s/%s", bridge, ip));
}

TEST(addresses_that_no_lease_holds_come_back)
{
    setup();
    test_write_file(test_path("networks/net-held.json"), "{\"isolated\":true}", 17);
    address("10.240.250.2", "net-held\r\neth0", 1000);
    address("10.240.250.3", "net-gone\r\neth0", 0);
    address("10.240.250.4", "", 1000); /* its plugin was killed before it wrote whose it is */
    address("10.240.250.5", "", 0);    /* or is about to write it */
    address("last_reserved_ip.0", "10.240.250.5", 1000);
    network_tidy(net);
    CHECK(held("10.240.250.2"));
    CHECK(!held("10.240.250.3"));
    CHECK(!held("10.240.250.4"));
    CHECK(held("10.240.250.5"));
    CHECK(held("last_reserved_ip.0"));
    network_free(net);
}

TEST(a_release_that_failed_is_tried_again)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    test_write_file(test_path("networks/net-stuck.json"), "{\"isolated\":true}", 17);
    CHECK_OK(sw_mkdirs(test_path("networks/net-stuck"), 0700, &err)); /* cannot be unlinked */
    CHECK(network_release(net, "net-stuck", &err) < 0);
    sw_err_clear(&err);
    CHECK(network_release(net, "net-stuck", &err) < 0);
    network_tidy(net);
    CHECK(sw_path_exists(test_path("networks/net-stuck.json")));
    CHECK(rmdir(test_path("networks/net-stuck")) == 0);
    network_tidy(net);
    CHECK(!sw_path_exists(test_path("networks/net-stuck.json")));
    network_free(net);
}
