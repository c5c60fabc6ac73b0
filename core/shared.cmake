# SPDX-License-Identifier: MIT
# The same libraries as shared objects, out of the same objects. Each stands by itself: libs2s.so has the protocol part
# in it, and libs2s-eku.so what it needs of it, not seen from outside. What each exports is in abi/NAME.symbols.
function(s2s_shared_library name)
    cmake_parse_arguments(L "" "" "WITH;LINKS" ${ARGN})
    add_library(${name}-shared SHARED $<TARGET_OBJECTS:${name}>)
    foreach(part ${L_WITH})
        target_sources(${name}-shared PRIVATE $<TARGET_OBJECTS:${part}>)
    endforeach()
    target_include_directories(${name}-shared INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/core/include>
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/mod_s2s_eku/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${name}-shared PRIVATE ${L_LINKS})
    # Internal names of the static parts stay inside; a missing symbol is an error here, not in the program.
    target_link_options(${name}-shared PRIVATE -Wl,--exclude-libs,ALL)
    set_target_properties(${name}-shared PROPERTIES OUTPUT_NAME ${name} VERSION ${PROJECT_VERSION} SOVERSION 0
                          LINKER_LANGUAGE C)
endfunction()

s2s_shared_library(s2s-protocol LINKS PkgConfig::EXPAT PkgConfig::IDN2)
s2s_shared_library(s2s WITH s2s-protocol
                   LINKS PkgConfig::EXPAT PkgConfig::IDN2 PkgConfig::GNUTLS PkgConfig::UNBOUND PkgConfig::UV)
target_link_libraries(s2s-shared INTERFACE PkgConfig::UV) # federation.h names uv_loop_t
s2s_shared_library(s2s-eku LINKS s2s-protocol PkgConfig::GNUTLS)
