/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/api/logs_seats.h"

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(places_are_shared_and_given_back)
{
    struct logs_seats *s = logs_seats_new(6);
    int seats[3];
    size_t own, total;
    for (int i = 0; i < 3; i++) {
        seats[i] = logs_seats_take(s, "a", &own, &total);
        CHECK(seats[i] >= 0);
        CHECK_EQ_INT(own, i);
        CHECK_EQ_INT(total, i);
    }
    CHECK_EQ_INT(logs_seats_share(s, seats[0]), 3);
    CHECK_EQ_INT(logs_seats_take(s, "a", &own, &total), -1); /* as many as are left */
    const int other = logs_seats_take(s, "b", &own, &total);
    CHECK(other >= 0 && other != seats[0] && other != seats[1] && other != seats[2]);
    CHECK_EQ_INT(own, 0);
    CHECK_EQ_INT(total, 3);
    CHECK_EQ_INT(logs_seats_share(s, other), 1);
    logs_seats_leave(s, seats[1]);
    CHECK_EQ_INT(logs_seats_take(s, "a", NULL, NULL), seats[1]);
    logs_seats_free(s);
}
