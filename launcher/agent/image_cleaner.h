/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/image_cleaner.h - takes images away that no task of this instance uses: now and then, as ECS's agent does, and when
 * a pull finds the disk full. Threads: one of its own; image_cleaner_make_room from any, one at a time works. */
#include "launcher/agent/image_store.h"
#include "launcher/agent/task_engine.h"

struct image_cleaner_options {
    struct image_store *images;
    bool disabled;      /* only when the disk is full */
    int64_t interval_s; /* 0: 30 minutes */
    int64_t min_age_s;  /* 0: an hour */
    int64_t images_max; /* at a time; 0: 5 */
};
struct image_cleaner;
struct image_cleaner *image_cleaner_new(const struct image_cleaner_options *o);
/* From now on: the engine's tasks say what is used. Before it nothing is taken away. */
int image_cleaner_start(struct image_cleaner *c, struct task_engine *e, struct sw_err *err);
/* Everything that is not used goes, whatever its age. True: something went. */
bool image_cleaner_make_room(struct image_cleaner *c);
void image_cleaner_stop(struct image_cleaner *c); /* before the engine is freed; NULL ok */
void image_cleaner_free(struct image_cleaner *c); /* NULL ok */
