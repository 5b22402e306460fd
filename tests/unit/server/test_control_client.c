/* SPDX-License-Identifier: Apache-2.0 */
#include "server/control_client.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/encode.h"
#include "tests/unit/server/environment.h"
#include "tests/unit/server/http_stub.h"

/* Hands out a new password at every call. */
struct issuer {
    int issued;
    int64_t lifetime_s;
    bool refuses;
};

static void issue(void *ctx, const struct stub_request *r, struct sw_buf *out)
{
    struct issuer *i = ctx;
    char plain[32], encoded[64], body[256];

    CHECK(strstr(r->head.p, ".GetAuthorizationToken\r\n") != NULL);
    if (i->refuses) {
        stub_answer_text(out, 400, "", "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}");
        return;
    }
    (void)snprintf(plain, sizeof(plain), "AWS:pw%d", ++i->issued);
    sw_base64(plain, strlen(plain), encoded);
    (void)snprintf(body, sizeof(body),
                   "{\"authorizationData\":[{\"authorizationToken\":\"%s\",\"expiresAt\":%lld}]}",
                   encoded, (long long)(sw_now_s() + i->lifetime_s));
    stub_answer_text(out, 200, "", body);
}

struct world {
    struct issuer issuer;
    struct stub *stub;
    struct client client;
    struct control_client *control;
    struct control_plane plane;
};

static void world_open(struct world *w, int64_t lifetime_s)
{
    struct sw_err err = SW_ERR_INIT;
    static const char keys[] = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n";

    clear_environment();
    w->issuer = (struct issuer){.lifetime_s = lifetime_s};
    w->stub = stub_start(issue, &w->issuer);
    struct client_options o = {.endpoint = w->stub->endpoint,
                               .credentials_file =
                                   test_write_file(test_path("c"), keys, sizeof(keys) - 1)};
    CHECK_OK(client_open(&o, &w->client, &err));
    w->control = control_client_new(&w->client);
    w->plane = control_client_plane(w->control);
}

static void world_close(struct world *w)
{
    control_client_free(w->control);
    client_close(&w->client);
    stub_free(w->stub);
}

static void check_password(const struct world *w, const char *password)
{
    struct sw_err err = SW_ERR_INIT;
    char plain[64], encoded[128], want[160], got[256];

    (void)snprintf(plain, sizeof(plain), "AWS:%s", password);
    sw_base64(plain, strlen(plain), encoded);
    (void)snprintf(want, sizeof(want), "Basic %s", encoded);
    CHECK_OK(
        w->plane.registry_authorization(w->plane.ctx, w->client.host_port, got, sizeof(got), &err));
    CHECK_EQ_STR(got, want);
}

TEST(a_password_is_kept_while_it_is_good)
{
    struct world w;

    world_open(&w, 12 * 3600);
    check_password(&w, "pw1");
    check_password(&w, "pw1");
    world_close(&w);
}

TEST(a_password_is_renewed_in_its_last_hour)
{
    struct world w;

    world_open(&w, 1800);
    check_password(&w, "pw1");
    check_password(&w, "pw2");
    world_close(&w);
}

TEST(another_registry_never_gets_it)
{
    struct sw_err err = SW_ERR_INIT;
    static const char *const others[] = {"registry.example", "127.0.0.1", "127.0.0.1:1", "",
                                         "public.ecr.aws"};
    struct world w;
    char got[256];

    world_open(&w, 12 * 3600);
    for (size_t i = 0; i < SW_ARRAY_LEN(others); i++) {
        CHECK_OK(w.plane.registry_authorization(w.plane.ctx, others[i], got, sizeof(got), &err));
        CHECK_EQ_STR(got, "");
    }
    CHECK_EQ_STR(stub_log(w.stub), "");
    world_close(&w);
}

TEST(a_refusal_is_passed_on_and_not_kept)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    char got[256];

    world_open(&w, 12 * 3600);
    w.issuer.refuses = true;
    CHECK_ERR(
        w.plane.registry_authorization(w.plane.ctx, w.client.host_port, got, sizeof(got), &err),
        SW_EDENIED, "AccessDeniedException");
    CHECK_EQ_STR(got, "");
    (void)stub_last(w.stub);
    w.issuer.refuses = false;
    check_password(&w, "pw1");
    world_close(&w);
}

TEST(a_buffer_too_small_is_an_error)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    char got[8];

    world_open(&w, 12 * 3600);
    CHECK_ERR(
        w.plane.registry_authorization(w.plane.ctx, w.client.host_port, got, sizeof(got), &err),
        SW_ELIMIT, NULL);
    world_close(&w);
}

/* A server that takes its time. */
static void linger(void *ctx, const struct stub_request *r, struct sw_buf *out)
{
    volatile int *over = ctx;
    (void)r, (void)out;
    for (int i = 0; i < 20000 && !__atomic_load_n(over, __ATOMIC_RELAXED); i++)
        sw_sleep_ms(5);
}

static void *call_slowly(void *arg)
{
    struct world *w = arg;
    struct sw_err err = SW_ERR_INIT;
    json_t *out = NULL;
    json_t *in = json_object();
    CHECK_EQ_INT(w->plane.call(w->plane.ctx, "X.Y", in, 20000, &out, &err), SW_EUNAVAILABLE);
    json_decref(in);
    return NULL;
}

TEST(an_interrupt_ends_what_waits)
{
    struct world w;
    pthread_t caller;
    volatile int over = 0;

    world_open(&w, 3600);
    w.stub->fn = linger;
    w.stub->ctx = (void *)&over;
    int64_t t0 = sw_mono_ms();
    CHECK(pthread_create(&caller, NULL, call_slowly, &w) == 0);
    sw_sleep_ms(100);
    w.plane.interrupt(w.plane.ctx);
    pthread_join(caller, NULL);
    int64_t took = sw_mono_ms() - t0;
    CHECK_MSG(took >= 100 && took < 15000, "%lld ms", (long long)took);
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    (void)call_slowly(&w);
    world_close(&w);
}
