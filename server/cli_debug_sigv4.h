/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/cli_debug_sigv4.h - the part of `slipway debug` that asks a running server. argv[0] is "sigv4". Exit status. */
int debug_sigv4_run(int argc, char **argv);
