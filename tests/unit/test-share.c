/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "share.h"
#include "test.h"

#define ALICE 1000
#define BOB 1001

typedef struct Item {
        Share *share;
        Place *place;
        char name;
        bool gives_back; /* at once */
} Item;

static char served[4096];

static void granted(void *userdata) {
        Item *i = userdata;
        size_t n = strlen(served);

        served[n] = i->name;
        served[n + 1] = 0;
        if (i->gives_back)
                i->place = place_free(i->place);
}

static int setup(void **state) {
        served[0] = 0;
        return 0;
}

static void wait_for(Share *s, Item *i, uid_t uid, char name) {
        *i = (Item) { .share = s, .name = name };
        assert_int_equal(share_wait(s, uid, 1, granted, i, &i->place), 0);
}

static Share* share(uint64_t places, uint64_t of_uid, uint64_t waiting) {
        Share *s = NULL;

        assert_int_equal(share_new(&(ShareLimits) { places, of_uid, waiting }, &s), 0);
        return s;
}

static void test_limits(void **state) {
        Share *s = share(3, 2, 0);
        Place *p[5] = {};

        assert_int_equal(share_take(s, ALICE, 1, p + 0), 0);
        assert_int_equal(share_take(s, ALICE, 1, p + 1), 0);
        assert_int_equal(share_take(s, ALICE, 1, p + 2), -EDQUOT);
        assert_int_equal(share_take(s, BOB, 1, p + 2), 0);
        assert_int_equal(share_take(s, BOB, 1, p + 3), -EBUSY);
        /* what is there is counted, limit or not */
        assert_int_equal(share_take_over(s, ALICE, 1, p + 3), 0);
        assert_int_equal(share_held(s), 4);
        assert_int_equal(share_held_by(s, ALICE), 3);
        for (size_t i = 0; i < 4; i++)
                p[i] = place_free(p[i]);
        assert_int_equal(share_held(s), 0);
        assert_int_equal(share_held_by(s, ALICE), 0);
        assert_null(place_free(NULL));
        share_free(s);
}

static void test_weights(void **state) {
        Share *s = share(100, 50, 0);
        Place *p[3] = {};

        /* more than there can ever be is taken alone */
        assert_int_equal(share_take(s, ALICE, 1000, p + 0), 0);
        assert_int_equal(share_take(s, ALICE, 1, p + 1), -EDQUOT);
        p[0] = place_free(p[0]);
        assert_int_equal(share_take(s, ALICE, 30, p + 0), 0);
        assert_int_equal(share_take(s, ALICE, 20, p + 1), 0);
        assert_int_equal(share_take(s, ALICE, 1, p + 2), -EDQUOT);
        assert_int_equal(share_take(s, ALICE, UINT64_MAX, p + 2), -EDQUOT);
        for (size_t i = 0; i < 2; i++)
                p[i] = place_free(p[i]);
        share_free(s);
}

/* However much one user waits for, the other is next. */
static void test_turns(void **state) {
        Item alice[100], bob[2];
        Share *s = share(4, 3, UINT64_MAX);

        for (size_t i = 0; i < 100; i++)
                wait_for(s, alice + i, ALICE, 'a');
        assert_string_equal(served, "aaa");
        assert_int_equal(share_waiting_of(s, ALICE), 97);
        wait_for(s, bob + 0, BOB, 'b');
        assert_string_equal(served, "aaab");
        wait_for(s, bob + 1, BOB, 'b');
        assert_string_equal(served, "aaab");
        /* whoever gives one back: to the one who holds fewer */
        alice[0].place = place_free(alice[0].place);
        assert_string_equal(served, "aaabb");
        bob[0].place = place_free(bob[0].place);
        assert_string_equal(served, "aaabba");
        bob[1].place = place_free(bob[1].place);
        assert_string_equal(served, "aaabba"); /* the last place is never one user's */
        for (size_t i = 1; i < 100; i++)
                alice[i].place = place_free(alice[i].place);
        assert_int_equal(share_held(s), 0);
        assert_int_equal(share_waiting_of(s, ALICE), 0);
        share_free(s);
}

static void test_order_of_one(void **state) {
        Item i[4];
        Share *s = share(1, 1, UINT64_MAX);

        for (size_t n = 0; n < 4; n++)
                wait_for(s, i + n, ALICE, (char) ('0' + n));
        i[1].place = place_free(i[1].place); /* waits no longer */
        i[0].place = place_free(i[0].place);
        i[2].place = place_free(i[2].place);
        assert_string_equal(served, "023");
        i[3].place = place_free(i[3].place);
        share_free(s);
}

/* A place that is given back by the function that gets it: as a start that fails. */
static void test_given_back_at_once(void **state) {
        Item i[50];
        Place *first = NULL;
        Share *s = share(1, 1, UINT64_MAX);

        assert_int_equal(share_take(s, ALICE, 1, &first), 0);
        for (size_t n = 0; n < 50; n++) {
                wait_for(s, i + n, n % 2 ? ALICE : BOB, n % 2 ? 'a' : 'b');
                i[n].gives_back = true;
        }
        assert_string_equal(served, "");
        place_free(first);
        assert_int_equal(strlen(served), 50);
        assert_memory_equal(served, "bababa", 6);
        assert_int_equal(share_held(s), 0);
        share_free(s);
}

static void test_limit_of_the_line(void **state) {
        Item i[3] = {};
        Share *s = share(1, 1, 2);

        wait_for(s, i + 0, ALICE, 'a');
        wait_for(s, i + 1, ALICE, 'a');
        wait_for(s, i + 2, ALICE, 'a');
        assert_int_equal(share_wait(s, ALICE, 1, granted, NULL, &(Place *) { NULL }), -EDQUOT);
        for (size_t n = 3; n > 0; n--)
                i[n - 1].place = place_free(i[n - 1].place);
        share_free(s);
}

static void test_closed(void **state) {
        Item i[2];
        Share *s = share(1, 1, 2);

        wait_for(s, i + 0, ALICE, 'a');
        wait_for(s, i + 1, ALICE, 'a');
        share_close(s);
        place_free(i[0].place);
        assert_string_equal(served, "a");
        place_free(i[1].place);
        share_free(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_limits, setup),
                cmocka_unit_test_setup(test_weights, setup),
                cmocka_unit_test_setup(test_turns, setup),
                cmocka_unit_test_setup(test_order_of_one, setup),
                cmocka_unit_test_setup(test_given_back_at_once, setup),
                cmocka_unit_test_setup(test_limit_of_the_line, setup),
                cmocka_unit_test_setup(test_closed, setup),
        };

        return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
