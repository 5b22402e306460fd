/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/runtime_words.h - what went wrong, out of what an OCI runtime wrote to its standard error: for people, as the reason of a
 * task that stopped. runc writes lines of a log, `time="..." level=error msg="..."`, of which the last one's msg is taken, without its
 * quotes; crun and others write a sentence. Never empty, and without line ends or other control characters. Threads: any. */
#include "base/str.h"

char *runtime_words(struct sw_str text);
