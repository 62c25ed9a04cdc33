/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The names of our errors on the bus, as documented in org.joblet(5). */

#define ERROR_NO_SUCH_JOB "org.joblet.Error.NoSuchJob"
#define ERROR_NO_SUCH_RUNTIME "org.joblet.Error.NoSuchRuntime"
#define ERROR_AMBIGUOUS_RUNTIME "org.joblet.Error.AmbiguousRuntime"
#define ERROR_INVALID_RUNTIME "org.joblet.Error.InvalidRuntime"
#define ERROR_RUNTIME_IN_USE "org.joblet.Error.RuntimeInUse"
#define ERROR_INVALID_PACKAGE "org.joblet.Error.InvalidPackage"
#define ERROR_INVALID_OPTION "org.joblet.Error.InvalidOption"
#define ERROR_JOB_RUNNING "org.joblet.Error.JobRunning"
#define ERROR_NOT_RUNNING "org.joblet.Error.NotRunning"
#define ERROR_LIMITS_EXCEEDED "org.joblet.Error.LimitsExceeded"
#define ERROR_SETUP_FAILED "org.joblet.Error.SetupFailed"
#define ERROR_COMMAND_NOT_FOUND "org.joblet.Error.CommandNotFound"
#define ERROR_COMMAND_NOT_EXECUTABLE "org.joblet.Error.CommandNotExecutable"
#define ERROR_POLKIT_UNAVAILABLE "org.joblet.Error.PolkitUnavailable"
#define ERROR_UNSUPPORTED "org.joblet.Error.Unsupported"
