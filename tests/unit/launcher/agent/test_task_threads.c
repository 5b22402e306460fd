/* SPDX-License-Identifier: Apache-2.0 */
/* A machine that has no room for one more thread, for a while: what could not be begun or watched is, as soon as there is room. */
#include "launcher/agent/task_engine_internal.h"
#include "tests/unit/launcher/agent/engine_case.h"

static _Atomic bool armed;

/* With stacks larger than the address space no thread can be made. */
static void threads_may_be_made(bool may)
{
    static size_t usual;
    pthread_attr_t a;
    CHECK_EQ_INT(pthread_attr_init(&a), 0);
    CHECK_EQ_INT(pthread_getattr_default_np(&a), 0);
    if (!usual)
        CHECK_EQ_INT(pthread_attr_getstacksize(&a, &usual), 0);
    CHECK_EQ_INT(pthread_attr_setstacksize(&a, may ? usual : (size_t)1 << 47), 0);
    CHECK_EQ_INT(pthread_setattr_default_np(&a), 0);
    pthread_attr_destroy(&a);
}

static void no_more_threads(void *ctx)
{
    (void)ctx;
    if (armed && fake_count(&fake, &fake.s.creates) == 1) {
        armed = false;
        threads_may_be_made(false);
    }
}

TEST(a_task_that_got_no_thread_is_begun_later)
{
    setup();
    threads_may_be_made(false);
    apply("[" ONE "]", "RUNNING", "PENDING");
    CHECK(!engine->tasks->thread_started && !engine_idle(engine));
    threads_may_be_made(true);
    await("RUNNING");
    done();
}

TEST(a_container_that_nobody_could_watch_is_watched_later)
{
    setup();
    fake.hook = no_more_threads;
    armed = true;
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    fake_end(&fake, 0, 0, false);
    sw_sleep_ms(50);
    threads_may_be_made(true);
    await("STOPPED");
    done();
}
