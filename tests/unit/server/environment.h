/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/unit/server/environment.h - a case starts without the variables that the program looks at, whatever the caller has set.
 * Each case sets what it needs; the runner runs one case at a time in one process. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test.h"

/* Removes every variable that begins with SLIPWAY_, AWS_ or ECS_; HOME is the case's own folder. */
static inline void clear_environment(void)
{
    for (size_t i = 0; environ && environ[i];) {
        const char *e = environ[i];
        size_t n = strcspn(e, "=");
        char name[256];
        if (n < sizeof(name) && (strncmp(e, "SLIPWAY_", 8) == 0 || strncmp(e, "AWS_", 4) == 0 ||
                                 strncmp(e, "ECS_", 4) == 0)) {
            memcpy(name, e, n);
            name[n] = '\0';
            CHECK(unsetenv(name) == 0); /* moves the rest down */
        } else {
            i++;
        }
    }
    CHECK(setenv("HOME", test_dir(), 1) == 0);
    CHECK(unsetenv("XDG_DATA_HOME") == 0);
}
