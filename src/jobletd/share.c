/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "share.h"

/* What one user holds and waits for. There is one only while that is something. */
typedef struct Line {
        struct Line *next;
        uid_t uid;
        uint64_t held, waiting; /* weights */
        uint64_t served;        /* when it got a place for the last time */
        size_t n_places;
        Place *first, *last;    /* those that wait, the oldest first */
} Line;

struct Place {
        Share *share;
        Line *line;
        Place *previous, *next; /* while it waits */
        uint64_t weight;
        bool held;
        void (*granted)(void *userdata);
        void *userdata;
};

struct Share {
        ShareLimits limits;
        Line *lines;
        uint64_t held;
        uint64_t clock; /* counts what was granted */
        bool granting, closed;
};

int share_new(const ShareLimits *limits, Share **ret) {
        Share *s = malloc(sizeof *s);

        if (!s)
                return -ENOMEM;
        *s = (Share) { .limits = *limits };
        *ret = s;
        return 0;
}

static void line_free(Share *s, Line *line) {
        for (Line **l = &s->lines; *l; l = &(*l)->next)
                if (*l == line) {
                        *l = line->next;
                        break;
                }
        free(line);
}

Share* share_free(Share *s) {
        if (!s)
                return NULL;
        while (s->lines)
                line_free(s, s->lines);
        free(s);
        return NULL;
}

static Line* line_find(const Share *s, uid_t uid) {
        Line *l = s->lines;

        while (l && l->uid != uid)
                l = l->next;
        return l;
}

static int place_new(Share *s, uid_t uid, uint64_t weight, Place **ret) {
        Line *line = line_find(s, uid);
        Place *p = malloc(sizeof *p);

        if (!p)
                return -ENOMEM;
        if (!line) {
                line = malloc(sizeof *line);
                if (!line) {
                        free(p);
                        return -ENOMEM;
                }
                *line = (Line) { .next = s->lines, .uid = uid };
                s->lines = line;
        }
        *p = (Place) { .share = s, .line = line, .weight = weight };
        line->n_places++;
        *ret = p;
        return 0;
}

static void hold(Place *p) {
        p->held = true;
        p->line->held += p->weight;
        p->line->served = ++p->share->clock;
        p->share->held += p->weight;
}

/* One that is too heavy for the limit is taken alone. */
static bool fits(uint64_t held, uint64_t weight, uint64_t limit) {
        return held == 0 || (weight <= limit && held <= limit - weight);
}

int share_take(Share *s, uid_t uid, uint64_t weight, Place **ret) {
        if (!fits(share_held_by(s, uid), weight, s->limits.places_of_uid))
                return -EDQUOT;
        if (!fits(s->held, weight, s->limits.places))
                return -EBUSY;
        return share_take_over(s, uid, weight, ret);
}

int share_take_over(Share *s, uid_t uid, uint64_t weight, Place **ret) {
        int r = place_new(s, uid, weight, ret);

        if (r >= 0)
                hold(*ret);
        return r;
}

static void line_join(Place *p) {
        Line *l = p->line;

        p->previous = l->last;
        if (l->last)
                l->last->next = p;
        else
                l->first = p;
        l->last = p;
        l->waiting += p->weight;
}

static void line_leave(Place *p) {
        Line *l = p->line;

        if (p->previous)
                p->previous->next = p->next;
        else
                l->first = p->next;
        if (p->next)
                p->next->previous = p->previous;
        else
                l->last = p->previous;
        p->previous = p->next = NULL;
        l->waiting -= p->weight;
}

/* Whose turn it is: of those whose oldest fits, who holds the fewest, and then who was served longest ago. */
static Line* line_next(const Share *s) {
        Line *best = NULL;

        for (Line *l = s->lines; l; l = l->next) {
                if (!l->first || !fits(l->held, l->first->weight, s->limits.places_of_uid) ||
                    !fits(s->held, l->first->weight, s->limits.places))
                        continue;
                if (!best || l->held < best->held || (l->held == best->held && l->served < best->served))
                        best = l;
        }
        return best;
}

/* granted() may give places back and take others: those are looked after here as well, not in there. */
static void grant(Share *s) {
        Line *line;

        if (s->granting || s->closed)
                return;
        s->granting = true;
        while ((line = line_next(s))) {
                Place *p = line->first;

                line_leave(p);
                hold(p);
                p->granted(p->userdata);
        }
        s->granting = false;
}

int share_wait(Share *s, uid_t uid, uint64_t weight, void (*granted)(void *userdata), void *userdata, Place **ret) {
        const Line *line = line_find(s, uid);
        Place *p;
        int r;

        if (line && !fits(line->waiting, weight, s->limits.waiting_of_uid))
                return -EDQUOT;
        r = place_new(s, uid, weight, &p);
        if (r < 0)
                return r;
        p->granted = granted;
        p->userdata = userdata;
        *ret = p; /* before it is granted, and perhaps given back already */
        line_join(p);
        grant(s);
        return 0;
}

void share_close(Share *s) {
        if (s)
                s->closed = true;
}

Place* place_free(Place *p) {
        Share *s;

        if (!p)
                return NULL;
        s = p->share;
        if (p->held) {
                p->line->held -= p->weight;
                s->held -= p->weight;
        } else
                line_leave(p);
        if (--p->line->n_places == 0)
                line_free(s, p->line);
        free(p);
        grant(s);
        return NULL;
}

uint64_t share_held(const Share *s) {
        return s->held;
}

uint64_t share_held_by(const Share *s, uid_t uid) {
        const Line *l = line_find(s, uid);

        return l ? l->held : 0;
}

uint64_t share_waiting_of(const Share *s, uid_t uid) {
        const Line *l = line_find(s, uid);

        return l ? l->waiting : 0;
}
