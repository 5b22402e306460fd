# SPDX-License-Identifier: Apache-2.0
# Compiler flags. `sw_flags` carries what every translation unit of the project is compiled with.
add_library(sw_flags INTERFACE)
target_include_directories(sw_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(sw_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
    SLIPWAY_VERSION="${PROJECT_VERSION}")
target_compile_options(sw_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Werror
    -fstack-protector-strong -fno-common
    "SHELL:-include ${CMAKE_SOURCE_DIR}/base/banned.h")
target_link_options(sw_flags INTERFACE LINKER:--as-needed LINKER:-z,relro LINKER:-z,now)

# Tables full of pointers make 11000 relocations: as bits they take 6 KiB of the program instead of 270.
include(CheckLinkerFlag)
check_linker_flag(C "LINKER:-z,pack-relative-relocs" SLIPWAY_PACKS_RELOCATIONS)
if(SLIPWAY_PACKS_RELOCATIONS)
    target_link_options(sw_flags INTERFACE LINKER:-z,pack-relative-relocs)
endif()

# Assertions stay on in every build; optimised builds add the libc's own checks.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
if(CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT SLIPWAY_SANITIZE AND NOT SLIPWAY_TSAN AND NOT SLIPWAY_FUZZ)
    target_compile_options(sw_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

set(sw_san "")
if(SLIPWAY_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "SLIPWAY_FUZZ needs clang: use the preset `fuzz`")
    endif()
    set(sw_san -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_compile_options(sw_flags INTERFACE -fsanitize=fuzzer-no-link)
elseif(SLIPWAY_TSAN)
    set(sw_san -fsanitize=thread -fno-omit-frame-pointer)
elseif(SLIPWAY_SANITIZE)
    set(sw_san -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()
if(sw_san)
    target_compile_options(sw_flags INTERFACE ${sw_san})
    target_link_options(sw_flags INTERFACE ${sw_san})
endif()

# Replies are checked against their schemas wherever speed does not matter.
if(sw_san OR CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_definitions(sw_flags INTERFACE SLIPWAY_TEST_BUILD=1)
else()
    target_compile_definitions(sw_flags INTERFACE SLIPWAY_TEST_BUILD=0)
endif()

# clang-tidy reads the same command line and does not know -fanalyzer, so the launcher adds that.
if(SLIPWAY_ANALYZE)
    target_compile_options(sw_flags INTERFACE -Wno-error)
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        set(CMAKE_C_COMPILER_LAUNCHER "${CMAKE_SOURCE_DIR}/cmake/with-analyzer")
    endif()
    find_program(CLANG_TIDY_PROGRAM clang-tidy REQUIRED)
    set(CMAKE_C_CLANG_TIDY "${CLANG_TIDY_PROGRAM};--quiet")
endif()
