/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What happened to jobs, in the journal, with ids that the catalog explains (units/joblet.catalog). */

#include "record.h"

#define EVENT_JOB_STARTED "8fdcb63345d040ba918b2d452e187821"
#define EVENT_JOB_FINISHED "b150d252ed744129b2eaad2e55117647"
#define EVENT_JOB_FAILED "aaa4af05005a4f6487c1c70d010bc8cd"
#define EVENT_JOB_OOM "17201e232e8d447d9a8ba1e7b781312a"
#define EVENT_JOB_TIMEOUT "6ac9736096474edb98aa0f7495ac0778"
#define EVENT_JOB_STOPPED "8642032636bd47dbb0b16a70c667b90a"

void event_job_started(const Record *r);
void event_job_ended(const Record *r);
