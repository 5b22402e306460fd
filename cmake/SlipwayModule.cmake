# SPDX-License-Identifier: Apache-2.0
# sw_headers_only(<target> <prefix of pkg_check_modules>)
#   declares an interface with the package's headers and without its library: base/lazy.h loads that.
# sw_module(NAME <folder> [DEPS <folder>...] [LIBS <external target>...] [TEST_LIBS <external target>...]
#           [EXCLUDE <file>...])
#   declares the static library `sw_<folder, slashes as underscores>` from the folder's .c files and
#   remembers DEPS and TEST_LIBS for the module's unit tests. A folder without sources is an interface library.
# sw_program(<name> <main.c> <module>)
#   declares the executable at the top of the build folder.
# sw_program_alias(<name> <other name>)
#   a link to the program beside it, here and where it is installed: it acts on the name that it is called by.

function(sw_target_of module ret)
    string(REPLACE "/" "_" name "sw_${module}")
    set(${ret} "${name}" PARENT_SCOPE)
endfunction()

function(sw_targets_of ret)
    set(out "")
    foreach(module IN LISTS ARGN)
        sw_target_of("${module}" target)
        list(APPEND out "${target}")
    endforeach()
    set(${ret} "${out}" PARENT_SCOPE)
endfunction()

function(sw_headers_only target prefix)
    add_library(${target} INTERFACE)
    target_include_directories(${target} SYSTEM INTERFACE ${${prefix}_INCLUDE_DIRS})
    target_compile_options(${target} INTERFACE ${${prefix}_CFLAGS_OTHER})
endfunction()

function(sw_module)
    cmake_parse_arguments(M "" "NAME" "DEPS;LIBS;TEST_LIBS;EXCLUDE" ${ARGN})
    sw_target_of("${M_NAME}" target)
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${M_NAME}/*.c")
    foreach(file IN LISTS M_EXCLUDE)
        list(REMOVE_ITEM sources "${CMAKE_SOURCE_DIR}/${M_NAME}/${file}")
    endforeach()
    sw_targets_of(deps ${M_DEPS})
    if(sources)
        add_library(${target} STATIC ${sources})
        target_link_libraries(${target} PUBLIC sw_flags ${deps} ${M_LIBS})
    else()
        add_library(${target} INTERFACE)
        target_link_libraries(${target} INTERFACE sw_flags ${deps} ${M_LIBS})
    endif()
    set_property(GLOBAL PROPERTY SW_TEST_LIBS_${target} "${M_TEST_LIBS}")
    set_property(GLOBAL APPEND PROPERTY SW_MODULES "${M_NAME}")
endfunction()

function(sw_program name main module)
    file(GLOB found CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${main}")
    if(found)
        sw_target_of("${module}" target)
        add_executable(${name} "${found}")
        target_link_libraries(${name} PRIVATE ${target})
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
        install(TARGETS ${name} RUNTIME DESTINATION bin)
    endif()
endfunction()

function(sw_program_alias name other)
    if(TARGET ${name})
        add_custom_command(TARGET ${name} POST_BUILD VERBATIM
            COMMAND ${CMAKE_COMMAND} -E create_symlink ${name} ${other} WORKING_DIRECTORY "${CMAKE_BINARY_DIR}")
        install(FILES "${CMAKE_BINARY_DIR}/${other}" DESTINATION bin)
    endif()
endfunction()
