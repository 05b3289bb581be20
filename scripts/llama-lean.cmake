# Toolchain file for building llama-cpp-python with only what a constrained harness needs: the shared libraries of llama
# and ggml. It sets no compiler and no system name, so a native build stays native.
#
# llama-cpp-python forces LLAMA_BUILD_COMMON on in the cache; a normal variable of the same name, set here, wins over it
# (CMake policy CMP0126), and saves two thirds of the compile time.
set(LLAMA_BUILD_COMMON OFF)
