# The system tests: real mounts, real sandboxes. One test of ctest per file, which counts
# its cases in TAP. What measures time or memory, or fills the machine, runs alone.
#
#   studentfs_system_test(NAME [ALONE] [MESSAGE] [TIMEOUT SECONDS] [LABELS ...])
#
# MESSAGE: run once more, in message mode.
find_program(STUDENTFS_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(STUDENTFS_BATS NAMES bats)

# A student's program: never sanitized, as a student's would not be.
add_executable(student system/student.c)
find_package(Threads REQUIRED)
target_link_libraries(student PRIVATE studentfs_flags Threads::Threads)

# A user of the library.
add_executable(library system/library.c)
target_link_libraries(library PRIVATE studentrun_calls studentfs_flags studentfs_sanitize Threads::Threads)

# One who wants more than he is given.
file(GLOB hostile_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/hostile/*.c)
add_executable(hostile ${hostile_sources})
target_link_libraries(hostile PRIVATE studentfs_flags Threads::Threads)

set(system_environment
  "STUDENTFS_BIN=${CMAKE_BINARY_DIR}/bin" "STUDENTFS_STUDENT=$<TARGET_FILE:student>"
  "STUDENTFS_HOSTILE=$<TARGET_FILE:hostile>"
  "STUDENTFS_SANITIZED=${STUDENTFS_SANITIZE}" "PYTHONDONTWRITEBYTECODE=1"
  "PYTHONPATH=${CMAKE_CURRENT_SOURCE_DIR}/system")

function(studentfs_system_test name)
  cmake_parse_arguments(PARSE_ARGV 1 TEST "ALONE;MESSAGE" "TIMEOUT;FOLDER" "LABELS")
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 180)
  endif()
  if(NOT TEST_FOLDER)
    set(TEST_FOLDER system)
  endif()
  set(file ${CMAKE_CURRENT_SOURCE_DIR}/${TEST_FOLDER}/test_${name})
  if(EXISTS ${file}.bats)
    add_test(NAME ${TEST_FOLDER}_${name} COMMAND ${STUDENTFS_BATS} --tap ${file}.bats)
  else()
    add_test(NAME ${TEST_FOLDER}_${name} COMMAND ${STUDENTFS_PYTHON} ${file}.py)
  endif()
  set_tests_properties(${TEST_FOLDER}_${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT}
    ENVIRONMENT "${system_environment}" LABELS "system;${TEST_LABELS}")
  if(TEST_ALONE)
    set_tests_properties(${TEST_FOLDER}_${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
  if(TEST_MESSAGE)
    add_test(NAME message_${name} COMMAND ${STUDENTFS_PYTHON} ${file}.py)
    set_tests_properties(message_${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT}
      ENVIRONMENT "${system_environment};STUDENTFS_TRANSPORT=message" LABELS "system")
    if(TEST_ALONE)
      set_tests_properties(message_${name} PROPERTIES RUN_SERIAL TRUE)
    endif()
  endif()
endfunction()

studentfs_system_test(grader MESSAGE LABELS sanitized)
studentfs_system_test(examples)
studentfs_system_test(packages)
studentfs_system_test(programs)
studentfs_system_test(security_page)
studentfs_system_test(doctor)
if(CMAKE_BUILD_TYPE MATCHES "Rel") # others are not fortified
  studentfs_system_test(hardening)
endif()
studentfs_system_test(top)
studentfs_system_test(less)
studentfs_system_test(systemd)
studentfs_system_test(log LABELS sanitized)
studentfs_system_test(exit MESSAGE LABELS sanitized)
studentfs_system_test(errors MESSAGE LABELS sanitized)
studentfs_system_test(streams MESSAGE TIMEOUT 240 LABELS sanitized)
studentfs_system_test(transcript MESSAGE LABELS sanitized)
studentfs_system_test(events MESSAGE LABELS sanitized)
studentfs_system_test(peer MESSAGE LABELS sanitized)
studentfs_system_test(wait MESSAGE LABELS sanitized)
studentfs_system_test(remove MESSAGE LABELS sanitized)
studentfs_system_test(access MESSAGE LABELS sanitized)
studentfs_system_test(attributes MESSAGE)
studentfs_system_test(overview MESSAGE LABELS sanitized)
studentfs_system_test(mount)
studentfs_system_test(spawner)
studentfs_system_test(machine_root)
studentfs_system_test(languages MESSAGE TIMEOUT 240)
studentfs_system_test(jobs MESSAGE TIMEOUT 240)
studentfs_system_test(crash_steps)
studentfs_system_test(death MESSAGE LABELS sanitized)
studentfs_system_test(delegated LABELS sanitized)
studentfs_system_test(enforced MESSAGE LABELS sanitized)
studentfs_system_test(sight FOLDER hostile)
studentfs_system_test(privileges FOLDER hostile)
studentfs_system_test(calls FOLDER hostile)
studentfs_system_test(network FOLDER hostile)
studentfs_system_test(resources FOLDER hostile)
studentfs_system_test(processes MESSAGE FOLDER hostile LABELS sanitized)
studentfs_system_test(files FOLDER hostile LABELS sanitized)
studentfs_system_test(disk FOLDER hostile)
studentfs_system_test(root MESSAGE LABELS sanitized)
studentfs_system_test(ssh MESSAGE TIMEOUT 300 LABELS sanitized)
studentfs_system_test(environments MESSAGE LABELS sanitized)
studentfs_system_test(exact_limits ALONE LABELS sanitized)
studentfs_system_test(run_student LABELS sanitized)
studentfs_system_test(library LABELS sanitized)
studentfs_system_test(joining)
studentfs_system_test(grading_container)
studentfs_system_test(system_files MESSAGE LABELS sanitized)
studentfs_system_test(limits MESSAGE ALONE TIMEOUT 240)
studentfs_system_test(many MESSAGE ALONE TIMEOUT 600)
studentfs_system_test(agent FOLDER integration LABELS sanitized)
studentfs_system_test(agent_odd FOLDER integration LABELS sanitized)
studentfs_system_test(agent_messages FOLDER integration LABELS sanitized)
studentfs_system_test(reasons FOLDER integration)
studentfs_system_test(router FOLDER integration LABELS sanitized)
studentfs_system_test(router_matrix FOLDER integration LABELS sanitized)
studentfs_system_test(router_messages FOLDER integration LABELS sanitized)
studentfs_system_test(router_ssh FOLDER integration LABELS sanitized)
studentfs_system_test(init FOLDER integration)

# Root's runs without control groups, and those of a container's init, are bounded by how many
# processes user 4242 has on the whole machine: not beside those who start as many as they can. Nor
# are terminals of sandboxes used beside who takes all that the machine has for them.
set_tests_properties(system_doctor system_enforced message_enforced system_systemd
  system_grading_container integration_init hostile_processes message_processes
  PROPERTIES RESOURCE_LOCK processes_of_the_student)
set_tests_properties(hostile_resources hostile_calls PROPERTIES RESOURCE_LOCK terminals)
set_tests_properties(system_ssh message_ssh
  PROPERTIES RESOURCE_LOCK "processes_of_the_student;terminals")
