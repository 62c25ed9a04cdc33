/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* polkit's text agent, which asks for the password on the terminal where no graphical agent does. Started
 * only when an authorization turned out to be needed. Failure is no error: polkit then says no. */
void agent_open(void);
void agent_close(void);
