/* SPDX-License-Identifier: Apache-2.0 */
/* server/main.c - the program: chooses the command. */
#include "server/commands.h"

int main(int argc, char **argv)
{
    return commands_main(argc, argv);
}
