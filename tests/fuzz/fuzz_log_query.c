/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: launcher/logs storage/meta auth base */
/* Input: a query in the language of Logs Insights.
 * Properties: an error names a column within the text or right after it; what parses runs over a few events without a crash, gives at most
 * its limit of rows, and the same ones when asked twice. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/logs/log_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const messages[] = {
    "{\"level\": \"error\", \"ms\": 250, \"user\": {\"id\": 2}, \"list\": [1, {\"k\": null}]}",
    "{\"level\": \"info\", \"ms\": \"30\", \"ok\": false}", "GET /index.html status=200 took 12 ms",
    "", "{broken"};

static void check_error(const struct sw_err *err, size_t size)
{
    unsigned long column = 0;
    assert(err->code == SW_EINVALID);
    assert(sscanf(err->msg, "column %lu:", &column) == 1);
    assert(column >= 1 && column <= size + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sw_autofree char *text = sw_strndup((const char *)data, size);
    struct sw_err err = SW_ERR_INIT;
    struct log_query *q = NULL;
    if (log_query_parse(text, &q, &err) < 0) {
        check_error(&err, strlen(text));
        return 0;
    }
    struct log_query_run *r = log_query_run_new(q, 3);
    for (size_t i = 0; i < SW_ARRAY_LEN(messages); i++) {
        const struct log_query_event e = {.timestamp_ms = 1795255200000 + (int64_t)i * 60000,
                                          .ingestion_ms = 1795255200000,
                                          .stream = i % 2 ? "a" : "b",
                                          .log = "000000000000:g",
                                          .ptr = "p",
                                          .message = sw_str(messages[i])};
        if (log_query_add(r, &e, &err) < 0)
            break;
    }
    json_t *one = log_query_result(r), *two = log_query_result(r);
    assert(json_equal(one, two));
    assert(json_array_size(one) <= SW_ARRAY_LEN(messages));
    json_decref(one);
    json_decref(two);
    log_query_run_free(r);
    log_query_free(q);
    return 0;
}
