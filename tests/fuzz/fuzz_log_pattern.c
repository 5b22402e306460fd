/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: launcher/logs storage/meta auth base */
/* Input: a filter pattern.
 * Properties: an error names a column within the text or right after it; what parses can be asked about any message, and answers the
 * same with blanks around it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/logs/log_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const messages[] = {
    "", "an ERROR 42", "{\"a\": [{\"b\": \"xy\"}], \"c\": 2, \"d\": null, \"e\": true}", "{broken",
    "127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > LOG_PATTERN_MAX)
        return 0;
    sw_autofree char *text = sw_strndup((const char *)data, size);
    sw_autofree char *padded = sw_asprintf(" %s ", text);
    struct sw_err err = SW_ERR_INIT;
    struct log_pattern *p = NULL, *again = NULL;
    if (log_pattern_parse(text, &p, &err) < 0) {
        int column = 0;
        assert(err.code == SW_EINVALID);
        assert(sscanf(err.msg, "Invalid filter pattern at column %d:", &column) == 1);
        assert(column >= 1 && (size_t)column <= strlen(text) + 1);
        return 0;
    }
    assert(log_pattern_parse(padded, &again, &err) == 0);
    for (size_t i = 0; i < SW_ARRAY_LEN(messages); i++)
        assert(log_pattern_matches(p, sw_str(messages[i])) ==
               log_pattern_matches(again, sw_str(messages[i])));
    log_pattern_free(p);
    log_pattern_free(again);
    return 0;
}
