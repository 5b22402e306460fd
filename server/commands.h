/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/commands.h - the table of commands and what chooses among them. */

#ifndef SLIPWAY_VERSION
#define SLIPWAY_VERSION "0.1.0"
#endif

/* Exit status of the program. */
int commands_main(int argc, char **argv);
