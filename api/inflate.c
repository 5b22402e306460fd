/* SPDX-License-Identifier: Apache-2.0 */
#include "api/inflate.h"

#include <strings.h>
#include <zlib.h>

#include "base/macros.h"

#define GZIP_WINDOW (15 + 16) /* zlib: largest window, gzip header only */
#define PIECE       (32 * 1024)

static int inflate_all(z_stream *z, struct sw_buf *ret, struct sw_err *err)
{
    unsigned char piece[PIECE];
    int state = Z_OK;

    while (state == Z_OK) {
        z->next_out = piece;
        z->avail_out = sizeof(piece);
        state = inflate(z, Z_NO_FLUSH);
        if (!sw_buf_add(ret, piece, sizeof(piece) - z->avail_out))
            return sw_fail(err, SW_ELIMIT, "RequestEntityTooLarge",
                           "the body has more than %zu bytes when it is inflated", ret->max);
    }
    if (state != Z_STREAM_END || z->avail_in != 0)
        return sw_fail(err, SW_EINVALID, "SerializationException",
                       "the body is not one whole gzip stream");
    return 0;
}

int api_inflate(const char *encoding, struct sw_str data, struct sw_buf *ret, struct sw_err *err)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)data.p, .avail_in = (unsigned)data.n};

    if (strcasecmp(encoding, "gzip") != 0)
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "the Content-Encoding %.60s is not supported", encoding);
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return sw_fail(err, SW_EINTERNAL, NULL, "zlib does not start");
    int r = inflate_all(&z, ret, err);
    (void)inflateEnd(&z);
    return r;
}
