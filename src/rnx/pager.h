/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Puts a pager behind stdout if that is a terminal and the user did not say --no-pager. Failure is no
 * error: the output then goes to the terminal. */
void pager_open(void);
bool pager_is_open(void);
/* Ends the output and waits until the user has read it. */
void pager_close(void);
