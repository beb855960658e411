# The standard library, embedded.
file(GLOB_RECURSE HD_STDLIB CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/stdlib/*.hd)
hd_embed(hd_compile stdlib ${HD_STDLIB})
