// Keeps what libtorch throws on the C++ side of the border: every function that Rust calls runs its body in guarded().
#pragma once

#include <c10/util/Exception.h>

#include <string>

namespace layerscope {

// What the last failing call of this thread said; read by ls_error().
inline thread_local std::string error;

template <typename F> int guarded(F&& body) {
  try {
    body();
    return 0;
  } catch (const c10::Error& e) {
    error = e.what_without_backtrace();
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
    error = "unknown C++ exception";
  }
  return 1;
}

}  // namespace layerscope
