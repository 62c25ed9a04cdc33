/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What joblet-log adds to the Journal Export Format: a last entry with this field alone, without which the
 * stream broke off. */
#define LOG_END_FIELD "JOBLET_LOG_END"

/* What the relay puts at the end of a text that is empty, or ends in a blank or in this itself: journald takes
 * blanks off the end of a line, and drops it if nothing is left. Readers take one off. */
#define LOG_GUARD "\xc2\xa0"
