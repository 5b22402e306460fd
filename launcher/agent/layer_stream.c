/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/layer_stream.c - RFC 1952 and RFC 8878 through zlib and libzstd. */
#include "launcher/agent/layer_stream.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/lazy.h"
#include "base/macros.h"

#define REASON              "CannotPullContainerError"
#define INPUT_CHUNK         (128 * 1024)
#define ZSTD_WINDOW_LOG_MAX 27

enum form { FORM_UNKNOWN, FORM_PLAIN, FORM_GZIP, FORM_ZSTD };

struct layer_stream {
    layer_read_fn read;
    void *ctx;
    const struct layer_limits *limits;
    enum form form;
    bool input_end, member_open;
    int64_t in_total, out_total;
    z_stream z;
    ZSTD_DCtx *zstd;
    struct digest_hasher *hasher;
    size_t at, n;
    unsigned char input[INPUT_CHUNK];
};

struct layer_stream *layer_stream_new(layer_read_fn read, void *ctx,
                                      const struct layer_limits *limits)
{
    struct layer_stream *s = SW_NEW(struct layer_stream);
    s->read = read;
    s->ctx = ctx;
    s->limits = limits;
    s->hasher = digest_hasher_new(DIGEST_SHA256);
    return s;
}

void layer_stream_free(struct layer_stream *s)
{
    if (!s)
        return;
    if (s->form == FORM_GZIP)
        (void)inflateEnd(&s->z);
    if (s->zstd)
        ZSTD_freeDCtx(s->zstd);
    digest_hasher_free(s->hasher);
    free(s);
}

void layer_stream_diff_id(const struct layer_stream *s, struct digest *ret)
{
    digest_hasher_peek(s->hasher, ret);
}

/* Makes sure that some input is there, unless it ended. */
static int fill(struct layer_stream *s, size_t at_least, struct sw_err *err)
{
    if (s->at > 0 && s->n - s->at < at_least) {
        memmove(s->input, s->input + s->at, s->n - s->at);
        s->n -= s->at;
        s->at = 0;
    }
    while (!s->input_end && s->n - s->at < at_least) {
        int64_t got = s->read(s->ctx, s->input + s->n, sizeof s->input - s->n, err);
        if (got < 0)
            return (int)got;
        s->input_end = got == 0;
        s->n += (size_t)got;
        s->in_total += got;
    }
    return 0;
}

static int detect(struct layer_stream *s, struct sw_err *err)
{
    if (fill(s, 4, err) < 0)
        return err->code;
    const unsigned char *p = s->input;
    if (s->n >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
        if (inflateInit2(&s->z, 15 + 16) != Z_OK)
            return sw_fail(err, SW_EINTERNAL, REASON, "the gzip decoder cannot start");
        s->form = FORM_GZIP;
        s->member_open = true;
    } else if (s->n >= 4 && p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) {
        if (sw_zstd_load(err) < 0)
            return err->code;
        s->zstd = ZSTD_createDCtx();
        if (!s->zstd ||
            ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX)))
            return sw_fail(err, SW_EINTERNAL, REASON, "the zstd decoder cannot start");
        s->form = FORM_ZSTD;
        s->member_open = true;
    } else {
        s->form = FORM_PLAIN;
    }
    return 0;
}

static bool only_zeros(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static int64_t read_gzip(struct layer_stream *s, unsigned char *out, size_t cap, struct sw_err *err)
{
    for (;;) {
        if (fill(s, 1, err) < 0)
            return err->code;
        if (s->at == s->n && !s->member_open)
            return 0;
        if (!s->member_open) {
            /* Zeros after the last member are padding that gzip(1) accepts too. */
            if (only_zeros(s->input + s->at, s->n - s->at)) {
                s->at = s->n;
                continue;
            }
            (void)inflateReset(&s->z);
            s->member_open = true;
        }
        s->z.next_in = s->input + s->at;
        s->z.avail_in = (uInt)(s->n - s->at);
        s->z.next_out = out;
        s->z.avail_out = (uInt)SW_MIN(cap, (size_t)1 << 30);
        uInt room = s->z.avail_out;
        int r = inflate(&s->z, Z_NO_FLUSH);
        s->at = s->n - s->z.avail_in;
        if (r == Z_STREAM_END)
            s->member_open = false;
        else if (r != Z_OK && r != Z_BUF_ERROR)
            return sw_fail(err, SW_EINVALID, REASON, "the layer's gzip data is damaged: %s",
                           s->z.msg ? s->z.msg : "no reason");
        if (s->z.avail_out < room)
            return (int64_t)(room - s->z.avail_out);
        /* Without input the decoder could only give out what it still held. */
        if (s->member_open && s->at == s->n && s->input_end)
            return sw_fail(err, SW_EINVALID, REASON, "the layer's gzip data ends too early");
    }
}

static int64_t read_zstd(struct layer_stream *s, void *out, size_t cap, struct sw_err *err)
{
    for (;;) {
        if (fill(s, 1, err) < 0)
            return err->code;
        if (s->at == s->n && !s->member_open)
            return 0;
        ZSTD_inBuffer in = {s->input, s->n, s->at};
        ZSTD_outBuffer o = {out, cap, 0};
        size_t r = ZSTD_decompressStream(s->zstd, &o, &in);
        if (ZSTD_isError(r))
            return sw_fail(err, SW_EINVALID, REASON, "the layer's zstd data is damaged: %s",
                           ZSTD_getErrorName(r));
        s->member_open = r != 0;
        bool moved = in.pos > s->at;
        s->at = in.pos;
        if (o.pos > 0)
            return (int64_t)o.pos;
        if (!moved && s->at == s->n && s->input_end)
            return s->member_open
                       ? sw_fail(err, SW_EINVALID, REASON, "the layer's zstd data ends too early")
                       : 0;
    }
}

static int64_t read_plain(struct layer_stream *s, void *out, size_t cap, struct sw_err *err)
{
    if (fill(s, 1, err) < 0)
        return err->code;
    size_t n = SW_MIN(cap, s->n - s->at);
    memcpy(out, s->input + s->at, n);
    s->at += n;
    return (int64_t)n;
}

int64_t layer_stream_read(struct layer_stream *s, void *out, size_t cap, struct sw_err *err)
{
    if (s->form == FORM_UNKNOWN && detect(s, err) < 0)
        return err->code;
    int64_t n = s->form == FORM_GZIP   ? read_gzip(s, out, cap, err)
                : s->form == FORM_ZSTD ? read_zstd(s, out, cap, err)
                                       : read_plain(s, out, cap, err);
    if (n <= 0)
        return n;
    s->out_total += n;
    /* Headers and padding add a little to the files themselves. */
    if (s->out_total / 2 > s->limits->unpacked_bytes)
        return sw_fail(err, SW_ELIMIT, REASON, "the layer unpacks to more than %lld bytes",
                       (long long)s->limits->unpacked_bytes);
    if (s->out_total > s->limits->ratio_free && s->out_total / s->limits->ratio > s->in_total)
        return sw_fail(err, SW_ELIMIT, REASON, "the layer unpacks to more than %lld times its size",
                       (long long)s->limits->ratio);
    digest_hasher_update(s->hasher, out, (size_t)n);
    return n;
}
