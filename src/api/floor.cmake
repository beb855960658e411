# libhd: build/lib/libhd.so, build/lib/libhd.a and build/include/hd.h. Both libraries hold every
# floor and show nothing but what hd.h declares.
set(HD_LIB ${CMAKE_BINARY_DIR}/lib)
set(HD_INCLUDE ${CMAKE_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${HD_LIB} ${HD_INCLUDE})

add_library(hd SHARED $<TARGET_OBJECTS:hd_api>)
target_link_libraries(hd PRIVATE ${below})
set_target_properties(hd PROPERTIES LINKER_LANGUAGE C LIBRARY_OUTPUT_DIRECTORY ${HD_LIB})

# One object of all, whose own symbols are local.
set(archives "")
foreach(name IN LISTS HD_FLOORS)
  if(name STREQUAL "api")
    break()
  endif()
  list(APPEND archives $<TARGET_FILE:hd_${name}>)
endforeach()
add_custom_command(
  OUTPUT ${HD_LIB}/libhd.a
  COMMAND ${CMAKE_LINKER} -r -o hd_all.o $<TARGET_OBJECTS:hd_api> --start-group ${archives}
          --end-group
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden hd_all.o
  COMMAND ${CMAKE_COMMAND} -E rm -f ${HD_LIB}/libhd.a
  COMMAND ${CMAKE_AR} rcs ${HD_LIB}/libhd.a hd_all.o
  DEPENDS hd_api hd_host $<TARGET_OBJECTS:hd_api> ${archives}
  COMMAND_EXPAND_LISTS)

# One header: DLPack's structures stand in it.
add_custom_command(
  OUTPUT ${HD_INCLUDE}/hd.h
  COMMAND sed -e "/include .runtime.dlpack.h./{"
          -e "r ${CMAKE_CURRENT_SOURCE_DIR}/runtime/dlpack.h" -e "d" -e "}"
          ${CMAKE_CURRENT_SOURCE_DIR}/api/hd.h > ${HD_INCLUDE}/hd.h
  DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/api/hd.h ${CMAKE_CURRENT_SOURCE_DIR}/runtime/dlpack.h
  VERBATIM)
add_custom_target(hd_files ALL DEPENDS ${HD_LIB}/libhd.a ${HD_INCLUDE}/hd.h)
