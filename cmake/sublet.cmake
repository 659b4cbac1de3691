# What every target shares: warnings, sanitizers, libraries, and the helpers that name targets.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)
find_package(prometheus-cpp REQUIRED)
find_package(asmjit REQUIRED)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(hiredis REQUIRED hiredis)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)

# ccache leaves files with precompiled headers alone unless it may ignore the times and macros that they depend on.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${CCACHE})
endif()

# Programs find libraries beside them first, also those that libraries need, so that a bundle of both runs anywhere.
set(CMAKE_BUILD_RPATH "\$ORIGIN/../lib")
add_link_options(-Wl,--disable-new-dtags)

# Gives tests and benches "paths.hpp".
configure_file(${PROJECT_SOURCE_DIR}/tests/support/paths.hpp.in ${CMAKE_BINARY_DIR}/generated/paths.hpp @ONLY)
add_library(sublet_paths INTERFACE)
target_include_directories(sublet_paths INTERFACE ${CMAKE_BINARY_DIR}/generated)

add_library(sublet_flags INTERFACE)
target_include_directories(sublet_flags INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
# -Wno-missing-field-initializers: designated initialisers name what differs from the default, and g++ 12 warns about the rest all the same.
# -ffp-contract=off: the cpu device must round as PTX says, and one flag for all keeps headers shared by both sides equal.
target_compile_options(sublet_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers -ffp-contract=off
                       -fno-omit-frame-pointer)
target_compile_definitions(sublet_flags INTERFACE _GLIBCXX_ASSERTIONS)
if(SUBLET_SANITIZE)
  # g++ 12 takes what the sanitizers insert for reads of uninitialised memory.
  target_compile_options(sublet_flags INTERFACE -fsanitize=${SUBLET_SANITIZE} -fno-sanitize-recover=all -Wno-maybe-uninitialized)
  target_link_options(sublet_flags INTERFACE -fsanitize=${SUBLET_SANITIZE})
endif()
target_link_libraries(sublet_flags INTERFACE fmt::fmt Threads::Threads)

# Headers that nearly every file includes are compiled once and shared: half of the build would be spent in them.
file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cpp "")
add_library(sublet_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
target_link_libraries(sublet_precompiled PUBLIC sublet_flags)
target_precompile_headers(sublet_precompiled PRIVATE <algorithm> <chrono> <expected> <functional> <map> <memory> <optional> <span> <string>
                          <unordered_map> <variant> <vector> <fmt/format.h>)

# Neighbouring files are compiled together: what they include and instantiate alike would be most of the build. A name in an unnamed
# namespace is therefore one of its whole library. `APART` is for programs whose files were better left alone.
set(CMAKE_UNITY_BUILD ON)
set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)

# sublet_library(NAME SOURCES … [PLANTED …] LINK …): a static library of one part of the tree. PLANTED: sources that tests/sim puts
# another file in the place of, which takes an object of its own for each.
function(sublet_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PLANTED;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES} ${ARG_PLANTED})
  if(ARG_PLANTED AND NOT SUBLET_SANITIZE)
    set_source_files_properties(${ARG_PLANTED} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
  target_link_libraries(${name} PUBLIC sublet_flags ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
  target_precompile_headers(${name} REUSE_FROM sublet_precompiled)
endfunction()

# sublet_program(NAME [APART] SOURCES … LINK …)
function(sublet_program name)
  cmake_parse_arguments(ARG "APART" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_APART)
    set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  endif()
  target_link_libraries(${name} PRIVATE sublet_flags ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM sublet_precompiled)
endfunction()

if(SUBLET_TESTS)
  find_package(GTest REQUIRED)
  # What is tested is optimised; optimising the tests themselves would take a third of the build.
  add_library(sublet_test_flags INTERFACE)
  target_link_libraries(sublet_test_flags INTERFACE sublet_flags)
  if(CMAKE_BUILD_TYPE STREQUAL Release)
    target_compile_options(sublet_test_flags INTERFACE -O0)
  endif()
  add_library(sublet_test_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
  target_link_libraries(sublet_test_precompiled PUBLIC sublet_test_flags GTest::gmock)
  target_precompile_headers(sublet_test_precompiled PRIVATE <gmock/gmock.h> <gtest/gtest.h> <algorithm> <chrono> <expected> <functional> <map>
                            <memory> <optional> <span> <string> <unordered_map> <variant> <vector> <fmt/format.h>)
endif()

# sublet_test(NAME [APART] [EACH] SOURCES … LINK … [LABELS …]): one gtest program. ctest runs it as one test, or each of its tests in a
# process of its own with EACH.
function(sublet_test name)
  cmake_parse_arguments(ARG "APART;EACH" "" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_APART)
    set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  endif()
  target_link_libraries(${name} PRIVATE sublet_test_flags GTest::gmock GTest::gtest_main ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM sublet_test_precompiled)
  target_link_libraries(${name} PRIVATE sublet_paths)
  # A TSan-compiled test and the plain libzmq disagree about what is a race; the suppressions name the library.
  if(ARG_EACH)
    # One at a time: they look at what the card has in use.
    gtest_discover_tests(${name} TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600 RESOURCE_LOCK card)
    return()
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600
    ENVIRONMENT "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp:halt_on_error=1;UBSAN_OPTIONS=print_stacktrace=1;LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0")
endfunction()
