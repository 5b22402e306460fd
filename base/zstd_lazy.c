/* SPDX-License-Identifier: Apache-2.0 */
/* What we use of libzstd, as forwards (base/lazy.h). */
#include <zstd.h>

#include "base/lazy.h"

static struct sw_lazy lib = SW_LAZY_INIT("libzstd.so.1");

int sw_zstd_load(struct sw_err *err)
{
    return sw_lazy_load(&lib, err);
}

SW_LAZY_0(lib, ZSTD_DCtx *, ZSTD_createDCtx)
SW_LAZY_1(lib, size_t, ZSTD_freeDCtx, ZSTD_DCtx *)
SW_LAZY_3(lib, size_t, ZSTD_DCtx_setParameter, ZSTD_DCtx *, ZSTD_dParameter, int)
SW_LAZY_3(lib, size_t, ZSTD_decompressStream, ZSTD_DCtx *, ZSTD_outBuffer *, ZSTD_inBuffer *)
SW_LAZY_1(lib, unsigned, ZSTD_isError, size_t)
SW_LAZY_1(lib, const char *, ZSTD_getErrorName, size_t)
