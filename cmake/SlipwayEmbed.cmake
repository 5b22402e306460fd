# SPDX-License-Identifier: Apache-2.0
# Files that become part of the program.
# sw_embed(<module> <symbol> <file>)
#   adds `const unsigned char <symbol>[]` (with a closing NUL) and `const size_t <symbol>_size`
#   (without it) to the module's library.
# sw_embed_glob(<module> <prefix> <pattern>...)
#   does that for each matching file; the symbol is <prefix>_<file name, other characters as _>.
# sw_embed_migrations(<module>)
#   turns <module>/migrations/NNNN_name.sql into the sorted array that migrations.h declares.
set(SW_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/EmbedFile.cmake")
set(SW_MIGRATIONS_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/EmbedMigrations.cmake")

function(sw_add_generated module file)
    sw_target_of("${module}" target)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "INTERFACE_LIBRARY")
        return()
    endif()
    target_sources(${target} PRIVATE "${file}")
endfunction()

function(sw_embed module symbol file)
    set(out "${CMAKE_BINARY_DIR}/generated/${symbol}.c")
    add_custom_command(OUTPUT "${out}"
        COMMAND "${CMAKE_COMMAND}" "-DIN=${file}" "-DOUT=${out}" "-DSYMBOL=${symbol}" -P "${SW_EMBED_SCRIPT}"
        DEPENDS "${file}" "${SW_EMBED_SCRIPT}" VERBATIM)
    sw_add_generated("${module}" "${out}")
endfunction()

function(sw_embed_glob module prefix)
    list(TRANSFORM ARGN PREPEND "${CMAKE_SOURCE_DIR}/")
    file(GLOB files CONFIGURE_DEPENDS ${ARGN})
    foreach(file IN LISTS files)
        get_filename_component(name "${file}" NAME)
        string(MAKE_C_IDENTIFIER "${prefix}_${name}" symbol)
        sw_embed("${module}" "${symbol}" "${file}")
    endforeach()
endfunction()

function(sw_embed_migrations module)
    file(GLOB files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${module}/migrations/*.sql")
    if(NOT files)
        return()
    endif()
    set(out "${CMAKE_BINARY_DIR}/generated/meta_migrations.c")
    add_custom_command(OUTPUT "${out}"
        COMMAND "${CMAKE_COMMAND}" "-DOUT=${out}" "-DHEADER=${module}/migrations.h" "-DFILES=${files}"
            -P "${SW_MIGRATIONS_SCRIPT}"
        DEPENDS ${files} "${SW_MIGRATIONS_SCRIPT}" VERBATIM)
    sw_add_generated("${module}" "${out}")
endfunction()
