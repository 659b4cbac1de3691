# What `cmake --install` puts where: the component "library" is what a program that links the client needs, "programs" what runs.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Users get the include folder and the language level, and keep their own warnings.
get_target_property(sublet_options sublet_flags INTERFACE_COMPILE_OPTIONS)
set_target_properties(sublet_flags PROPERTIES INTERFACE_COMPILE_OPTIONS "$<BUILD_INTERFACE:${sublet_options}>" EXPORT_NAME flags)
target_compile_features(sublet_flags INTERFACE cxx_std_23)
target_include_directories(sublet_flags INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/sublet>
                                                  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

set_target_properties(sublet_producer PROPERTIES EXPORT_NAME producer)
install(TARGETS sublet_flags sublet_common sublet_pipeline sublet_wire sublet_segment sublet_process sublet_io sublet_producer
        EXPORT sublet-targets COMPONENT library ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

# The headers that client.hpp needs, and those that read a pipeline's file; the rest is nobody's business.
foreach(header common/bytes common/error common/ids common/job common/random common/shard common/time common/wire/chunk_header common/wire/messages
        common/pipeline/pipeline common/pipeline/pipeline_yaml common/pipeline/bundle_file producer/client producer/job producer/outputs)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${PROJECT_SOURCE_DIR}/${header}.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sublet/${folder} COMPONENT library)
endforeach()

set(SUBLET_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/sublet)
set(SUBLET_KERNELS_FOLDER ${CMAKE_INSTALL_DATADIR}/sublet/kernels)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/sublet-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/sublet-config.cmake
                              INSTALL_DESTINATION ${SUBLET_PACKAGE_FOLDER} PATH_VARS SUBLET_KERNELS_FOLDER)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/sublet-config-version.cmake VERSION ${PROJECT_VERSION}
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sublet-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/sublet-config-version.cmake
        DESTINATION ${SUBLET_PACKAGE_FOLDER} COMPONENT library)
install(EXPORT sublet-targets NAMESPACE sublet:: DESTINATION ${SUBLET_PACKAGE_FOLDER} COMPONENT library)

foreach(program sublet sublet-broker sublet-worker sublet-session)
  if(TARGET ${program})
    install(TARGETS ${program} COMPONENT programs RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
