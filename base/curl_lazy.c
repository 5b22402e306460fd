/* SPDX-License-Identifier: Apache-2.0 */
/* What we use of libcurl, as forwards (base/lazy.h). */
#include <curl/curl.h>
#include <stdarg.h>

#include "base/lazy.h"

static struct sw_lazy lib = SW_LAZY_INIT("libcurl.so.4");

int sw_curl_load(struct sw_err *err)
{
    return sw_lazy_load(&lib, err);
}

/* Later headers have a const there. */
typedef __typeof__(_Generic(&curl_url_get, CURLUcode (*)(CURLU *, CURLUPart, char **, unsigned int)
                            : (CURLU *)NULL, default
                            : (const CURLU *)NULL)) url_to_read;

SW_LAZY_1(lib, CURLcode, curl_global_init, long)
SW_LAZY_0(lib, CURL *, curl_easy_init)
SW_LAZY_1(lib, CURLcode, curl_easy_perform, CURL *)
SW_LAZY_1(lib, void, curl_easy_reset, CURL *)
SW_LAZY_1(lib, void, curl_easy_cleanup, CURL *)
SW_LAZY_1(lib, const char *, curl_easy_strerror, CURLcode)
SW_LAZY_1(lib, void, curl_free, void *)
SW_LAZY_2(lib, struct curl_slist *, curl_slist_append, struct curl_slist *, const char *)
SW_LAZY_1(lib, void, curl_slist_free_all, struct curl_slist *)
SW_LAZY_0(lib, CURLU *, curl_url)
SW_LAZY_1(lib, void, curl_url_cleanup, CURLU *)
SW_LAZY_4(lib, CURLUcode, curl_url_get, url_to_read, CURLUPart, char **, unsigned int)
SW_LAZY_4(lib, CURLcode, curl_easy_send, CURL *, const void *, size_t, size_t *)
SW_LAZY_4(lib, CURLcode, curl_easy_recv, CURL *, void *, size_t, size_t *)
SW_LAZY_4(lib, CURLUcode, curl_url_set, CURLU *, CURLUPart, const char *, unsigned int)

/* The third argument is a long, a curl_off_t or a pointer, which travel alike where all have eight
 * bytes. The headers' macros of these names check its type at the call. */
_Static_assert(sizeof(long) == 8 && sizeof(curl_off_t) == 8 && sizeof(void *) == 8 &&
                   sizeof(void (*)(void)) == 8,
               "curl_easy_setopt() is forwarded with one argument of eight bytes");

#define FORWARD_OPTION(name, option_type)                                                      \
    CURLcode(name)(CURL * easy, option_type option, ...)                                       \
    {                                                                                          \
        static _Atomic(void *) slot;                                                           \
        va_list ap;                                                                            \
        va_start(ap, option);                                                                  \
        void *value = va_arg(ap, void *);                                                      \
        va_end(ap);                                                                            \
        return ((__typeof__(&(name)))sw_lazy_symbol(&lib, &slot, #name))(easy, option, value); \
    }
FORWARD_OPTION(curl_easy_setopt, CURLoption)
FORWARD_OPTION(curl_easy_getinfo, CURLINFO)
