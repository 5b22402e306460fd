/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/spec_capabilities.h - which capabilities a container has, and the system calls that they are worthless without.
 * Internal to launcher/runtime. Pure. */
#include "launcher/runtime/spec.h"

/* "CAP_CHOWN" ...: Docker's defaults without what is dropped, with what is added. */
json_t *spec_capabilities(const struct container_spec *s);
/* Adds to the profile's list what the added capabilities stand for. */
void spec_allow_calls(const struct container_spec *s, json_t *syscalls);
