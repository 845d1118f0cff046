// nghttp2's memory: blocks of a few sizes, kept and used again, so that a stream that comes and
// goes allocates nothing in the steady state. One pool a thread; what is freed by another thread
// would only change pools.
#pragma once

#include <nghttp2/nghttp2.h>

namespace moln::h2 {

nghttp2_mem* pooled_memory();

}  // namespace moln::h2
