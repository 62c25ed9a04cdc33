/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Behind log_error() of rnx.h: the newest message is remembered, since a record in JSON may be what tells it. */

/* From now on the newest message waits, until the next one or message_release() prints it, or message_take()
 * has found another place for it. */
void message_hold(void);
void message_release(void);
/* The newest message, NULL if there was none; it need not be printed any more. */
const char* message_take(void);

/* The name of the error on the bus that the newest message is about; NULL: none. */
void message_name_error(const char *name);
const char* message_error_name(void);
