/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What people stumble over who run their first job: said before and after, in a line of its own, and never to programs
 * (--json, --quiet). */

#include "run.h"

/* Before an attached job: a shell that will show no prompt. */
void advise_before_run(const Run *run);

/* After one that did not do well: a command that some runtime has, files that are here and not in the job. */
void advise_after_run(const Run *run, int exit_status);
