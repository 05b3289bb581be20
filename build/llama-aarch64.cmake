# Toolchain file for llama-cpp-python on 64-bit ARM boards, by Debian's cross compiler (package g++-aarch64-linux-gnu):
# one wheel with the CPU kernels in libraries of their own, of which ggml loads the best that the board's CPU can run.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/llama-lean.cmake)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)

set(GGML_NATIVE OFF CACHE BOOL "")
set(GGML_BACKEND_DL ON CACHE BOOL "")
set(GGML_CPU_ALL_VARIANTS ON CACHE BOOL "")

# The same bytes wherever it is built: no paths in them, nor gaps as long as a path.
foreach(language C CXX)
    set(CMAKE_${language}_FLAGS_INIT "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=.")
endforeach()
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
