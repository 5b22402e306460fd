/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/banned.h - functions that this project does not call; force-included into every C file.
 *
 * Each name becomes a compile error at the call. The system headers that declare them are included
 * first, so that only uses, never declarations, are hit. What to use instead:
 *   strcpy strcat strncpy strncat sprintf vsprintf -> snprintf, struct sw_buf, sw_asprintf
 *   strtok                                          -> sw_str_split
 *   atoi atol strtol strtoul strtoll strtoull       -> sw_parse_*
 *   gmtime localtime ctime asctime                  -> sw_format_*, gmtime_r
 *   system popen                                    -> sw_process_run
 *
 * Being first in every file, it also keeps assert() on in every build type.
 */
#undef NDEBUG
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef strtok
#undef sprintf
#undef vsprintf

#define SW_BANNED(name) name##_is_banned_see_base_banned_h

#define strcpy    SW_BANNED(strcpy)
#define strcat    SW_BANNED(strcat)
#define strncpy   SW_BANNED(strncpy)
#define strncat   SW_BANNED(strncat)
#define sprintf   SW_BANNED(sprintf)
#define vsprintf  SW_BANNED(vsprintf)
#define strtok    SW_BANNED(strtok)
#define atoi      SW_BANNED(atoi)
#define atol      SW_BANNED(atol)
#define strtol    SW_BANNED(strtol)
#define strtoul   SW_BANNED(strtoul)
#define strtoll   SW_BANNED(strtoll)
#define strtoull  SW_BANNED(strtoull)
#define gmtime    SW_BANNED(gmtime)
#define localtime SW_BANNED(localtime)
#define ctime     SW_BANNED(ctime)
#define asctime   SW_BANNED(asctime)
#define system    SW_BANNED(system)
#define popen     SW_BANNED(popen)
