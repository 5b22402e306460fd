/* SPDX-License-Identifier: Apache-2.0 */
/* The holder of the namespaces that the containers of a task share. */
#include "tests/unit/launcher/agent/engine_case.h"

#define TWO "[" ONE ",{\"name\":\"side\",\"image\":\"app\",\"memory\":64,\"essential\":false}]"

static void end_holder(void)
{
    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < FAKE_MAX; i++)
        if (fake.s.list[i].status == RUNTIME_RUNNING && fake.s.list[i].holder)
            fake.s.list[i].status = RUNTIME_STOPPED;
    pthread_mutex_unlock(&fake.lock);
}

/* Under this agent and under the next; and what would be started again does not get other namespaces than the rest. */
TEST(the_end_of_the_holder_is_the_end_of_the_task)
{
    for (int i = 0; i < 3; i++) {
        pid_mode = "task";
        setup();
        apply(i == 2 ? AGAIN("0", "0") : TWO, "RUNNING", "PENDING");
        await("RUNNING");
        if (i == 1)
            engine_free(engine);
        end_holder();
        if (i == 1)
            start_engine("data");
        if (i == 2)
            fake_end(&fake, 0, 137, false);
        CHECK_CONTAINS(sw_json_str(await("STOPPED"), "reason", ""),
                       "EssentialContainerExited: Essential container in task exited");
        await_idle();
        CHECK_EQ_INT(fake.s.starts, i == 2 ? 1 : 2);
        CHECK_EQ_INT(fake.s.creates, fake.s.removes);
        done();
        struct sw_err err = SW_ERR_INIT;
        CHECK_OK(sw_remove_tree(test_path("data"), &err));
    }
}

TEST(the_holder_goes_with_the_last_container)
{
    pid_mode = "task";
    setup();
    fake.exit_on_start = -1;
    apply(TWO, "RUNNING", "PENDING");
    await("RUNNING");
    CHECK_EQ_INT(fake_count(&fake, &fake.s.creates), 3);
    CHECK(sw_path_exists(test_path("data/tasks/" TASK_ID "/holder/rootfs/holder")));
    engine_free(engine); /* another agent takes both and the holder */
    start_engine("data");
    sw_sleep_ms(100);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.creates), 3);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 0);
    apply(TWO, "STOPPED", "RUNNING");
    await("STOPPED");
    await_idle();
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 3);
    CHECK(!sw_path_exists(test_path("data/tasks/" TASK_ID "/holder")));
    done();
}
