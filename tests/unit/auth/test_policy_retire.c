/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_retire.h"

#include <stdlib.h>

#include "base/macros.h"
#include "tests/lib/test.h"

#define ANN "arn:aws:iam::000000000000:user/ann"
#define ID  "AIDAAAAAAAAAAAAAAAAAA"

TEST(names_the_id_where_the_arn_was)
{
    static const struct {
        const char *text, *after; /* after NULL: it stays */
    } rows[] = {
        {"{\"Statement\":{\"Principal\":{\"AWS\":\"" ANN "\"}}}",
         "{\"Statement\":{\"Principal\":{\"AWS\":\"" ID "\"}}}"},
        {"{\"Statement\":[{\"NotPrincipal\":{\"AWS\":[\"1\",\"" ANN "\"]}},{\"Sid\":\"x\"}]}",
         "{\"Statement\":[{\"NotPrincipal\":{\"AWS\":[\"1\",\"" ID "\"]}},{\"Sid\":\"x\"}]}"},
        {"{\"Statement\":[{\"Principal\":{\"AWS\":\"arn:aws:iam::000000000000:user\\/ann\"}}]}",
         "{\"Statement\":[{\"Principal\":{\"AWS\":\"" ID "\"}}]}"},
        {"{\"Statement\":[{\"Principal\":{\"AWS\":\"" ANN "a\"}}]}", NULL},
        {"{\"Statement\":[{\"Principal\":\"*\",\"Resource\":\"" ANN "\"}]}", NULL},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        char *after = NULL;
        CHECK_OK(policy_retire(rows[i].text, ANN, ID, &after, &err));
        if (rows[i].after)
            CHECK_EQ_STR(after, rows[i].after);
        else
            CHECK_NULL(after);
        free(after);
    }
}

TEST(text_that_is_no_json_is_an_error)
{
    struct sw_err err = SW_ERR_INIT;
    char *after = NULL;
    CHECK(policy_retire("{" ANN, ANN, ID, &after, &err) < 0);
    CHECK_NULL(after);
}
