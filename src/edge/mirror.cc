#include "edge/mirror.h"

namespace moln::edge {

bool may_mirror(http::Method method, RetryMode mode) {
    switch (method) {
        case http::Method::get:
        case http::Method::head:
        case http::Method::options: return true;
        default: return mode == RetryMode::all;
    }
}

}  // namespace moln::edge
