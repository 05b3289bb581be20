# Toolchain file for building llama-cpp-python with only what a constrained harness needs: the shared libraries of llama
# and ggml, each once, where ctypes looks for them. It sets no compiler and no system name, so a native build stays native.
#
# llama-cpp-python forces LLAMA_BUILD_COMMON on in the cache; a normal variable of the same name, set here, wins over it
# (CMake policy CMP0126), and saves two thirds of the compile time.
set(LLAMA_BUILD_COMMON OFF)
set(LLAVA_BUILD OFF CACHE BOOL "")
set(LLAMA_OPENSSL OFF CACHE BOOL "")
set(GGML_OPENMP OFF CACHE BOOL "") # threads of its own: no libgomp to carry

# Compilers leave out most of the tile configuration that ggml's AMX code loads, and the first product of 4 or 8 bits
# dies on a CPU that has AMX (llama.cpp #20824, PR 26954). What is named here counts more than what -march=native says.
if(CMAKE_HOST_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" AND NOT CMAKE_SYSTEM_NAME)
    foreach(language C CXX)
        set(CMAKE_${language}_FLAGS_INIT "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16")
    endforeach()
endif()

# Versioned names would put three copies of each library into the wheel, and a second backend registry into the process.
set(CMAKE_PLATFORM_NO_VERSIONED_SONAME ON CACHE BOOL "")
foreach(kind LIB BIN)
    set(CMAKE_INSTALL_${kind}DIR llama_cpp/lib CACHE STRING "")
endforeach()
set(CMAKE_INSTALL_INCLUDEDIR llama_cpp/include CACHE STRING "")
