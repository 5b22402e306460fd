/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/task_size.h - the task-level cpu and memory strings of a task definition.
 * "256", "1 vCPU", ".5 vcpu" are CPU units of 1/1024; "512", "2 GB", "0.5GB" are MiB. */
#include <stdbool.h>
#include <stdint.h>

#define TASK_CPU_MIN        128
#define TASK_CPU_MAX        196608
#define TASK_MEMORY_MIN_MIB 6

bool task_cpu_parse(const char *s, int64_t *ret_units);
bool task_memory_parse(const char *s, int64_t *ret_mib);
/* Is it a size that Fargate has? */
bool task_size_fargate(int64_t cpu_units, int64_t memory_mib);
