/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: a handle is never closed, so an address that was found stays valid (and leak checkers
 * find what the library keeps). */
#include "base/lazy.h"

#include <dlfcn.h>

#include "base/err.h"

int sw_lazy_load(struct sw_lazy *lib, struct sw_err *err)
{
    if (atomic_load_explicit(&lib->handle, memory_order_acquire))
        return 0;
    int r = 0;
    (void)pthread_mutex_lock(&lib->lock);
    if (!atomic_load_explicit(&lib->handle, memory_order_relaxed)) {
        void *handle = dlopen(lib->soname, RTLD_NOW | RTLD_LOCAL);
        if (handle)
            atomic_store_explicit(&lib->handle, handle, memory_order_release);
        else
            r = sw_fail(err, SW_EUNAVAILABLE, NULL, "the shared library %s cannot be loaded: %s",
                        lib->soname, dlerror());
    }
    (void)pthread_mutex_unlock(&lib->lock);
    return r;
}

void *sw_lazy_symbol(struct sw_lazy *lib, _Atomic(void *) *slot, const char *name)
{
    void *address = atomic_load_explicit(slot, memory_order_acquire);
    if (address)
        return address;
    struct sw_err err = SW_ERR_INIT;
    if (sw_lazy_load(lib, &err) < 0) {
        (void)fprintf(stderr, "slipway: %s: %s\n", name, err.msg);
        abort();
    }
    address = dlsym(lib->handle, name);
    if (!address) {
        (void)fprintf(stderr, "slipway: the shared library %s has no %s\n", lib->soname, name);
        abort();
    }
    atomic_store_explicit(slot, address, memory_order_release);
    return address;
}
