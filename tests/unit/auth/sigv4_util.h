/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/unit/auth/sigv4_util.h - a request as text, parsed into what sigv4 takes. */
#include "auth/sigv4.h"
#include "tests/lib/test.h"

#define UTIL_HEADERS_MAX 32

struct parsed {
    char text[8192];
    struct sigv4_header headers[UTIL_HEADERS_MAX];
    struct sigv4_request req;
};

/* "METHOD TARGET HTTP/1.1\nName:value\n...\n\nbody". The target may hold spaces. */
static inline void parse_request(const char *text, struct parsed *ret)
{
    size_t n = strlen(text);
    CHECK(n < sizeof(ret->text));
    memcpy(ret->text, text, n + 1);
    const char *end = strstr(ret->text, "\n\n");
    CHECK_NOT_NULL(end);
    struct sw_str head = sw_str_n(ret->text, (size_t)(end - ret->text)), line, target;
    ret->req = (struct sigv4_request){.body = sw_str(end + 2), .headers = ret->headers};
    CHECK(sw_str_split(&head, '\n', &line));
    CHECK(sw_str_split(&line, ' ', &ret->req.method));
    target = sw_str_slice(line, 0, line.n - strlen(" HTTP/1.1"));
    CHECK(sw_str_split(&target, '?', &ret->req.path));
    ret->req.query = target.p ? target : SW_STR("");
    while (sw_str_split(&head, '\n', &line)) {
        struct sigv4_header *h = &ret->headers[ret->req.headers_n];
        CHECK(ret->req.headers_n < UTIL_HEADERS_MAX);
        if (line.n > 0 && line.p[0] == ' ') {
            h->name = h[-1].name; /* a folded line */
            h->value = line;
        } else {
            h->value = line;
            CHECK(sw_str_split(&h->value, ':', &h->name));
        }
        ret->req.headers_n++;
    }
}

static inline void add_header(struct parsed *p, const char *name, const char *value)
{
    CHECK(p->req.headers_n < UTIL_HEADERS_MAX);
    p->headers[p->req.headers_n++] = (struct sigv4_header){sw_str(name), sw_str(value)};
}
