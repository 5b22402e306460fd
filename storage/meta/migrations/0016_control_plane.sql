-- SPDX-License-Identifier: Apache-2.0
-- Which server acts by itself on this database: one row, made by the first. No column compares clocks of machines: who waits counts on
-- its own clock how long `answered` stays behind `asked`.
CREATE TABLE control_plane (
    id       BIGINT PRIMARY KEY,              -- 1
    epoch    BIGINT NOT NULL,                 -- grows with each holder: what an old one decided does not count
    holder   TEXT NOT NULL,                   -- random, of one run of a server; '' when it was given back
    process  TEXT NOT NULL,                   -- JSON: where the holder runs, so that its neighbours see when it is dead
    asked    BIGINT NOT NULL,                 -- raised by those who wait for the lease
    answered BIGINT NOT NULL,                 -- set to that by the holder
    since    BIGINT NOT NULL                  -- microseconds since the epoch, for people
);
