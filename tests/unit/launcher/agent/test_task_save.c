/* SPDX-License-Identifier: Apache-2.0 */
/* A task's file, without an engine. */
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "launcher/agent/task.h"
#include "tests/lib/test.h"

#define ID "00000000000000000000000000000001"

static struct task *make(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct task *t = NULL;
    sw_autojson json_t *placed =
        json_pack("{s:s, s:s, s:{s:s, s:i, s:s, s:[{s:s, s:s, s:i}]}}", "taskArn",
                  "arn:aws:ecs:us-east-1:000000000000:task/default/" ID, "desiredStatus", "RUNNING",
                  "taskDefinition", "family", "app", "revision", 1, "networkMode", "host",
                  "containerDefinitions", "name", "main", "image", "app", "memory", 64);
    CHECK_OK(task_new(NULL, test_dir(), placed, &t, &err));
    return t;
}

TEST(a_task_is_durable_once_its_file_is_synced)
{
    struct sw_err err = SW_ERR_INIT;
    struct task *t = make();
    CHECK(!t->durable);
    CHECK(task_sync(t, &err) < 0); /* nothing was saved yet */
    sw_err_clear(&err);
    CHECK_OK(task_save(t, false, &err));
    CHECK_OK(task_sync(t, &err));
    t->containers[0].starting = true;
    CHECK_OK(task_save(t, false, &err));
    CHECK_OK(task_sync(t, &err));
    task_free(t);
    /* One that is read from its file needs no more of it. */
    CHECK_OK(task_load(NULL, test_dir(), ID, &t, &err));
    CHECK(t->durable && t->containers[0].starting);
    task_free(t);
    CHECK_OK(sw_remove_tree(test_path(ID), &err));
    CHECK(task_load(NULL, test_dir(), ID, &t, &err) < 0);
}
