# SPDX-License-Identifier: Apache-2.0
# cmake -DPROGRAM=... -DPREFIX=unit.base.str -DOUT=file -DLABEL=unit -DTIMEOUT=60 -P DiscoverCases.cmake
# Asks a test program for its cases and writes one add_test() line for each.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND "${PROGRAM}" --list OUTPUT_VARIABLE text RESULT_VARIABLE result)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} --list: ${result}")
endif()
string(REGEX MATCHALL "[^\n]+" cases "${text}")
if(NOT cases)
    message(FATAL_ERROR "${PROGRAM} holds no test case")
endif()
set(lines "")
foreach(case IN LISTS cases)
    string(APPEND lines "add_test([=[${PREFIX}.${case}]=] \"${PROGRAM}\" ${case})\n"
        "set_tests_properties([=[${PREFIX}.${case}]=] PROPERTIES LABELS ${LABEL} TIMEOUT ${TIMEOUT} SKIP_RETURN_CODE 77)\n")
endforeach()
file(WRITE "${OUT}" "${lines}")
