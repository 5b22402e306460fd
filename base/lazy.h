/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/lazy.h - shared libraries that are loaded by the first call that needs them. The program is
 * not linked with such a library; its functions are defined here as forwards that look the real one
 * up (base/curl_lazy.c, base/archive_lazy.c, base/crypto_lazy.c, base/zstd_lazy.c, api/gnutls_lazy.c), so that callers include
 * the library's own headers and the compiler checks their calls and the forwards against them.
 * Why: the dynamic linker spends most of a start on libraries that few commands use.
 * Promise: a library that was loaded stays. A load that failed is tried again by the next call.
 * Threads: everything may be called from any thread.
 * Expected errors: SW_EUNAVAILABLE, naming the library. A forward that is called without its
 * library ends the program, so load first: sw_curl_load() and its like. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct sw_err;

struct sw_lazy {
    const char *soname;
    pthread_mutex_t lock;
    _Atomic(void *) handle;
};
#define SW_LAZY_INIT(soname_)                                   \
    {                                                           \
        .soname = (soname_), .lock = PTHREAD_MUTEX_INITIALIZER, \
    }

int sw_lazy_load(struct sw_lazy *lib, struct sw_err *err);

/* The address of a function, kept in *slot. Ends the program when there is none. */
void *sw_lazy_symbol(struct sw_lazy *lib, _Atomic(void *) *slot, const char *name);

/* A forward for a function of 0 to 7 parameters, given their types. `ret` may be void. */
#define SW_LAZY_FORWARD(lib, ret, name, params, args)                           \
    ret(name) params                                                            \
    {                                                                           \
        static _Atomic(void *) slot;                                            \
        return ((__typeof__(&(name)))sw_lazy_symbol(&(lib), &slot, #name))args; \
    }
#define SW_LAZY_0(lib, ret, name)       SW_LAZY_FORWARD(lib, ret, name, (void), ())
#define SW_LAZY_1(lib, ret, name, A)    SW_LAZY_FORWARD(lib, ret, name, (A a), (a))
#define SW_LAZY_2(lib, ret, name, A, B) SW_LAZY_FORWARD(lib, ret, name, (A a, B b), (a, b))
#define SW_LAZY_3(lib, ret, name, A, B, C) \
    SW_LAZY_FORWARD(lib, ret, name, (A a, B b, C c), (a, b, c))
#define SW_LAZY_4(lib, ret, name, A, B, C, D) \
    SW_LAZY_FORWARD(lib, ret, name, (A a, B b, C c, D d), (a, b, c, d))
#define SW_LAZY_5(lib, ret, name, A, B, C, D, E) \
    SW_LAZY_FORWARD(lib, ret, name, (A a, B b, C c, D d, E e), (a, b, c, d, e))
#define SW_LAZY_6(lib, ret, name, A, B, C, D, E, F) \
    SW_LAZY_FORWARD(lib, ret, name, (A a, B b, C c, D d, E e, F f), (a, b, c, d, e, f))
#define SW_LAZY_7(lib, ret, name, A, B, C, D, E, F, G) \
    SW_LAZY_FORWARD(lib, ret, name, (A a, B b, C c, D d, E e, F f, G g), (a, b, c, d, e, f, g))

/* To be called before the first function of the library. */
int sw_curl_load(struct sw_err *err);
int sw_archive_load(struct sw_err *err);
int sw_crypto_load(struct sw_err *err);
int sw_zstd_load(struct sw_err *err);
bool sw_crypto_loaded(void);
