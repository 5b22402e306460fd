# SPDX-License-Identifier: Apache-2.0
# cmake -DFILES=a.sql;b.sql -DOUT=file.c -DHEADER=x/migrations.h -P EmbedMigrations.cmake
# NNNN_name.sql files as an array sorted by number; two files of one number are an error.
cmake_minimum_required(VERSION 3.25)
set(rows "")
set(texts "")
set(seen "")
list(SORT FILES COMPARE NATURAL)
foreach(file IN LISTS FILES)
    get_filename_component(name "${file}" NAME_WE)
    if(NOT name MATCHES "^0*([1-9][0-9]*)_[a-z0-9_]+$")
        message(FATAL_ERROR "${file}: a migration is named NNNN_what_it_does.sql")
    endif()
    set(number "${CMAKE_MATCH_1}")
    if(number IN_LIST seen)
        message(FATAL_ERROR "${file}: migration ${number} exists twice")
    endif()
    list(APPEND seen "${number}")
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
    string(APPEND texts "static const char sql_${number}[] = {${bytes}0};\n")
    string(APPEND rows "    {${number}, \"${name}\", sql_${number}},\n")
endforeach()
file(WRITE "${OUT}" "/* SPDX-License-Identifier: Apache-2.0 */
#include \"${HEADER}\"
#include <stddef.h>
${texts}
const struct meta_migration meta_migrations[] = {
${rows}};
const size_t meta_migrations_n = sizeof meta_migrations / sizeof meta_migrations[0];
")
