/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /etc/joblet/jobletd.conf and drop-ins in jobletd.conf.d/: what the administrator decides. See
 * jobletd(8). */

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"
#include "request.h"

typedef struct Settings {
        bool accept_unenforced_limits;  /* AcceptUnenforcedLimits= */
        uint64_t stop_timeout_usec;     /* StopTimeoutSec= */
        uint64_t upload_max;            /* UploadMax=, bytes */
        RequestDefaults defaults;       /* DefaultNetwork=, DefaultMaxMemory=, DefaultMaxCPU=, DefaultTimeout= */
        JobBounds bounds;               /* DefaultMaxTasks=, ShmSize= */
} Settings;

/* Sets the defaults, then reads what there is. Settings are in the section [Job]; so are those before the first section
 * of a file. A line that cannot be understood is logged and ignored, as by other daemons. */
int settings_load(const char *directory, Settings *ret);
