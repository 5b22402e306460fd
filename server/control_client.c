/* SPDX-License-Identifier: Apache-2.0 */
/* server/control_client.c - credentials are handed out for our own registry's host only: a task definition that names another
 * registry never gets them. */
#include "server/control_client.h"

#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "server/exec_client.h"
#include "server/s3_object.h"

#define RENEW_BEFORE_S 3600

struct control_client {
    struct client *client;
    pthread_mutex_t lock;
    char password[TOKEN_MAX];
    int64_t expires_at_s;
    volatile int interrupted;
    struct s3_reader *s3;
};

struct control_client *control_client_new(struct client *borrowed)
{
    struct control_client *c = SW_NEW(struct control_client);
    c->client = borrowed;
    c->client->cancelled = &c->interrupted;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void control_client_free(struct control_client *c)
{
    if (!c)
        return;
    c->client->cancelled = NULL;
    explicit_bzero(c->password, sizeof(c->password));
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static int call(void *ctx, const char *target, const json_t *in, int64_t timeout_ms,
                json_t **ret_out, struct sw_err *err)
{
    struct control_client *c = ctx;
    return client_call(c->client, target, in, timeout_ms, ret_out, err);
}

static int call_as(void *ctx, const json_t *credentials, const char *target, const json_t *in,
                   int64_t timeout_ms, json_t **ret_out, struct sw_err *err)
{
    struct control_client *c = ctx;
    struct client theirs = *c->client; /* its strings stay the client's */
    const char *id = sw_json_str(credentials, "accessKeyId", "");
    const char *secret = sw_json_str(credentials, "secretAccessKey", "");
    if (!sw_str_copy(sw_str(id), theirs.access_key_id, sizeof(theirs.access_key_id)) ||
        !sw_str_copy(sw_str(secret), theirs.secret_access_key, sizeof(theirs.secret_access_key)))
        return sw_fail(err, SW_EINVALID, NULL, "credentials of a role are too long");
    theirs.session_token = sw_strdup(sw_json_str(credentials, "sessionToken", ""));
    int r = client_call(&theirs, target, in, timeout_ms, ret_out, err);
    free(theirs.session_token);
    explicit_bzero(&theirs, sizeof(theirs));
    return r;
}

static int registry_authorization(void *ctx, const char *host_port, char *out, size_t cap,
                                  struct sw_err *err)
{
    struct control_client *c = ctx;
    out[0] = '\0';
    if (!sw_streq(host_port, c->client->host_port))
        return 0;
    int r = 0;
    pthread_mutex_lock(&c->lock);
    if (sw_now_s() + RENEW_BEFORE_S > c->expires_at_s)
        r = client_registry_password(c->client, c->password, &c->expires_at_s, err);
    char plain[TOKEN_MAX + 8];
    int n = snprintf(plain, sizeof(plain), "AWS:%s", c->password);
    pthread_mutex_unlock(&c->lock);
    if (r < 0)
        return r;
    char encoded[SW_BASE64_LEN(sizeof(plain)) + 1];
    sw_base64(plain, (size_t)n, encoded);
    if ((size_t)snprintf(out, cap, "Basic %s", encoded) >= cap)
        return sw_fail(err, SW_ELIMIT, NULL, "authorization value needs more than %zu bytes", cap);
    return 0;
}

static int open_stream(void *ctx, const char *path, struct ws_client **ret, struct sw_err *err)
{
    const struct control_client *c = ctx;
    return exec_client_open(c->client, path, ret, err);
}

/* For good: whoever interrupts is about to end. */
static void interrupt(void *ctx)
{
    struct control_client *c = ctx;
    __atomic_store_n(&c->interrupted, 1, __ATOMIC_RELAXED);
}

static int s3_get(void *ctx, const json_t *credentials, const char *bucket, const char *key,
                  struct sw_buf *ret, struct sw_err *err)
{
    struct control_client *c = ctx;
    return s3_reader_get(c->s3, credentials, bucket, key, &c->interrupted, ret, err);
}

void control_client_set_s3(struct control_client *c, struct s3_reader *s3)
{
    c->s3 = s3;
}

struct control_plane control_client_plane(struct control_client *c)
{
    return (struct control_plane){.call = call,
                                  .call_as = call_as,
                                  .registry_authorization = registry_authorization,
                                  .interrupt = interrupt,
                                  .open_stream = open_stream,
                                  .s3_get = c->s3 ? s3_get : NULL,
                                  .ctx = c};
}
