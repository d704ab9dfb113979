# What is installed beside the programs, and the Debian packages: `cpack -G DEB -B OUT` in a
# build directory. A component is a package; what has no library in it is in `studentfs`.

set(packaging ${CMAKE_CURRENT_LIST_DIR})
set(docs ${PROJECT_SOURCE_DIR}/docs)

# compressed(SOURCE NAME DESTINATION): installs it as NAME.gz; the same bytes each time.
find_program(GZIP gzip REQUIRED)
function(studentfs_install_compressed source name destination)
  set(compressed ${CMAKE_CURRENT_BINARY_DIR}/compressed/${destination}/${name}.gz)
  get_filename_component(directory ${compressed} DIRECTORY)
  file(MAKE_DIRECTORY ${directory})
  add_custom_command(OUTPUT ${compressed} DEPENDS ${source}
    COMMAND ${GZIP} -9nc ${source} > ${compressed} VERBATIM)
  string(MAKE_C_IDENTIFIER "compressed_${destination}_${name}" target)
  add_custom_target(${target} ALL DEPENDS ${compressed})
  install(FILES ${compressed} DESTINATION ${destination} ${ARGN})
endfunction()

file(GLOB manuals CONFIGURE_DEPENDS ${docs}/*.[1-9])
foreach(manual ${manuals})
  get_filename_component(name ${manual} NAME)
  string(REGEX MATCH "[1-9]$" section ${name})
  studentfs_install_compressed(${manual} ${name} ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

install(PROGRAMS ${packaging}/mount.fuse.studentfs DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(FILES ${packaging}/studentfs@.service DESTINATION lib/systemd/system)
# It is looked for by the name of the program that is completed.
foreach(program studentfs studentfs-agent studentfs-top run_student ssh_student)
  install(FILES ${packaging}/completion/studentfs.bash RENAME ${program}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endforeach()
install(FILES ${packaging}/completion/_studentfs DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${docs}/inginious.md ${docs}/protocol.md ${docs}/protocol-extensions.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${docs}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR} USE_SOURCE_PERMISSIONS)

# --- the packages ---

function(studentfs_package component)
  set(doc ${CMAKE_INSTALL_DATADIR}/doc/${component})
  install(FILES ${packaging}/copyright DESTINATION ${doc} COMPONENT ${component})
  studentfs_install_compressed(${packaging}/changelog changelog ${doc} COMPONENT ${component})
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${component} PARENT_SCOPE)
  set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${component} PARENT_SCOPE)
endfunction()

studentfs_package(studentfs)
install(FILES ${packaging}/studentfs.lintian-overrides RENAME studentfs
  DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides)
set(CPACK_DEBIAN_STUDENTFS_PACKAGE_DEPENDS "bubblewrap, fuse3")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "run students' programs in sandboxes, as files")
set(CPACK_COMPONENT_STUDENTFS_DESCRIPTION "Each directory of a mounted studentfs is one run of an untrusted program
in a sandbox, with limits; its files are the program's streams, settings,
return value and state. Graders need nothing but reading and writing files,
in any language or in a shell.")

studentfs_package(libstudentrun0)
install(FILES ${packaging}/libstudentrun0.lintian-overrides RENAME libstudentrun0
  DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides COMPONENT libstudentrun0)
set(CPACK_COMPONENT_LIBSTUDENTRUN0_DESCRIPTION "run students' programs in sandboxes, as a library
For C and C++: calls that run an untrusted program in a sandbox, with limits,
and wait for it; and an engine for programs with an event loop.")
set(CPACK_DEBIAN_LIBSTUDENTRUN0_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBSTUDENTRUN0_PACKAGE_RECOMMENDS "studentfs (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_LIBSTUDENTRUN0_PACKAGE_CONTROL_EXTRA ${packaging}/triggers)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)

studentfs_package(libstudentrun-dev)
set(CPACK_COMPONENT_LIBSTUDENTRUN-DEV_DESCRIPTION "run students' programs in sandboxes, headers
What it takes to build a program with libstudentrun: its header, and its
file for pkg-config.")
set(CPACK_DEBIAN_LIBSTUDENTRUN-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBSTUDENTRUN-DEV_PACKAGE_DEPENDS "libstudentrun0 (= ${PROJECT_VERSION})")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "The studentfs authors")
set(CPACK_PACKAGE_CONTACT "The studentfs authors <maintainers@studentfs.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION education)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# lintian: directories of the package are 0755, whatever the umask.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
include(CPack)
