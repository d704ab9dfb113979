# student-init is run for real, in bwrap: as root, or as an ordinary user in a user namespace.
foreach(name init init_end init_handover)
  studentfs_unit_test(${name} SOURCES test_init_peers.c LIBRARIES protocol)
  target_compile_definitions(test_${name} PRIVATE STUDENT_INIT="$<TARGET_FILE:student-init>")
  add_dependencies(test_${name} student-init)
endforeach()
