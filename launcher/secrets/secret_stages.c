/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/secret_stages.c - which version has which stage. Invariant: a stage is on one version at most. */
#include "launcher/secrets/secrets_internal.h"

static bool has_stage(const json_t *stages, const char *stage)
{
    const json_t *v;
    size_t i;
    json_array_foreach(stages, i, v) {
        if (sw_streq(json_string_value(v), stage))
            return true;
    }
    return false;
}

const char *secret_stage_holder(const json_t *versions, const char *stage)
{
    const char *id;
    json_t *stages;
    json_object_foreach((json_t *)versions, id, stages) {
        if (has_stage(stages, stage))
            return id;
    }
    return NULL;
}

static void take_away(json_t *versions, const char *stage)
{
    const char *id;
    json_t *stages;
    json_object_foreach(versions, id, stages) {
        for (size_t i = json_array_size(stages); i-- > 0;) {
            if (sw_streq(json_string_value(json_array_get(stages, i)), stage))
                json_array_remove(stages, i);
        }
    }
}

void secret_stage_move(json_t *versions, const char *stage, const char *to)
{
    const char *from = secret_stage_holder(versions, stage);
    if (sw_streq(from, to))
        return;
    take_away(versions, stage);
    if (to)
        json_array_append_new(json_object_get(versions, to), json_string(stage));
    if (from && to && sw_streq(stage, "AWSCURRENT"))
        secret_stage_move(versions, "AWSPREVIOUS", from);
}
