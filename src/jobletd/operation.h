/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A method call that is answered by a run of joblet-package. It ends when the program ends; a client that
 * vanishes ends it, unless it is kept. */

#include <stdbool.h>

#include "manager.h"

#define OPERATIONS_MAX 16U
#define OPERATIONS_OF_UID_MAX 8U /* so that nobody keeps the others from theirs */
#define OPERATION_RESULT_MAX (256U * 1024U)

typedef struct Operation Operation;

/* What the program said: error 0 and the lines after "ok", or a negative errno and its message. Whoever
 * takes over takes the message of the call with it. */
typedef void (*OperationFunction)(Manager *m, sd_bus_message *call, int error, const char *text,
                                  void *userdata);

typedef struct OperationStart {
        char *const *words;     /* after the name of the program */
        int input_fd;           /* standard input, or -EBADF */
        int progress_fd;        /* or -EBADF */
        sd_bus_message *call;   /* kept until the end, or NULL */
        bool keep;              /* goes on without the client */
        bool follow_up;         /* belongs to one that was accepted: there are never too many for it */
        OperationFunction done; /* takes ownership of userdata */
        void *userdata;
} OperationStart;

/* Calls done later, if it succeeds. Returns 0, -EBUSY if there are too many, -EDQUOT if there are too many of whoever
 * calls, or another negative errno. */
int operation_start(Manager *m, const OperationStart *start);

/* Whether one that answers this call would be refused: 0, or one of these errors. */
int operation_check(Manager *m, sd_bus_message *call);

bool operation_is_under_way(void);
